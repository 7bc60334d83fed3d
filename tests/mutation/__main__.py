"""`python -m tests.mutation`: see `runner`."""

import argparse
import sys

from tests.mutation import runner
from tests.mutation.suites import TESTS


def main() -> int:
    """Run what was asked for; 1 where a mutant survives that the list does not explain."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=runner.__doc__)
    parser.add_argument("modules", nargs="*", choices=[[], *TESTS], help="default: all")
    parser.add_argument("--sample", type=int, help="so many mutants instead of every one")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time")
    parser.add_argument("--minutes", type=float, help="begin no mutant after this time")
    given = parser.parse_args()
    modules = given.modules or list(TESTS)
    scores = runner.run(
        modules,
        sample=given.sample,
        seed=given.seed,
        jobs=given.jobs,
        minutes=given.minutes,
    )
    print(runner.table(scores))
    for line in runner.gone(modules):
        print(f"explained, and there no more: {line}")
    left = list(runner.unexplained(scores))
    for line in left:
        print(f"not explained: {line}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
