"""A sample of the small wrongs, and the list of those that no test can find.

`python -m tests.mutation` tries every one of them; it takes an hour or so.
"""

import subprocess
import sys

import pytest

from tests.mutation.mutants import mutants
from tests.mutation.runner import explained
from tests.mutation.suites import ROOT, TESTS

# The same mutants each time. None is begun after these minutes, however slow the machine is.
_SAMPLE, _SEED, _MINUTES = 60, 20_261_122, 6


@pytest.mark.long
def test_a_sample_of_small_wrongs_in_what_decides_about_money_is_found() -> None:
    """A process of its own: the modules that were loaded for other tests have no mutants."""
    sample = ["--sample", str(_SAMPLE), "--seed", str(_SEED), "--minutes", str(_MINUTES)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *sample],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_only_modules_that_are_tried_are_explained() -> None:
    assert set(explained()) <= set(TESTS)


def _whats(source: str) -> list[str]:
    return [mutant.what for mutant in mutants(source)]


def test_a_comparison_is_flipped_and_its_condition_negated_where_that_is_another_mutant() -> None:
    assert _whats("if a < b:\n    pass") == ["the condition is negated", "Lt becomes LtE"]
    assert _whats("if a is b:\n    pass") == ["Is becomes IsNot"]


def test_what_only_tells_is_left_alone() -> None:
    assert _whats('logger.error("refund alarm: %s", 1)') == []
    assert _whats('"""Words."""') == []
    assert _whats("def f(a: int | None = None) -> bool: ...") == []


def test_mutants_of_lines_that_read_the_same_have_names_of_their_own() -> None:
    assert _whats("f(1)\nf(1)") == [
        "is left out",
        "1 becomes 2",
        "is left out (2)",
        "1 becomes 2 (2)",
    ]
