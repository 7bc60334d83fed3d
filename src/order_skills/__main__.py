"""`order-skills`, and `python -m order_skills`: where a process begins.

A server that has kept its first answers gives them from here on, while all else is loaded.
"""

import gc
import os
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    start = None
    if sys.argv[1:2] == ["serve"]:
        # Nothing that is loaded is garbage: looking for some would take a tenth of the start.
        gc.disable()
        from order_skills.quick_start.front import begin

        start = begin(sys.argv[1:], os.environ)
    from order_skills import cli

    return cli.main(start=start)


if __name__ == "__main__":
    sys.exit(main())
