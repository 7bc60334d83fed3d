"""Does some test fail for each small wrong? `python -m tests.mutation --help`.

Each mutant is written into a copy of the package in a temporary folder, and the tests of its
module run against that copy in a process of their own, forked from one that has loaded pytest
already. A mutant is killed when a test fails or they take far longer than without it; those that
survive are held against survivors.md.
"""

import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
PACKAGE = Path("order_skills/refunds")
SURVIVORS = Path(__file__).with_name("survivors.md")

_LEDGER = (
    "tests/ledger/test_moves.py",
    "tests/ledger/test_claims.py",
    "tests/ledger/test_requests.py",
    "tests/ledger/test_reading.py",
    "tests/ledger/test_limits.py",
    "tests/refunds/test_sending.py",
)
_ON_SQLITE = (*_LEDGER, "tests/ledger/", "-k", "not postgres")
# Of the steps that both databases share, those that only several connections at once need.
_RACES = (*_LEDGER[:2], *_LEDGER[4:5], "tests/ledger/test_races.py", "-k", "postgres")
_ON_POSTGRES = (*_LEDGER[:5], "tests/ledger/", "-k", "postgres")
_RULES = (
    "tests/refunds/test_rules.py",
    "tests/refunds/test_amounts.py",
    "tests/refunds/test_waiting_requests.py",
    "tests/refunds/test_evidence.py",
    "tests/refunds/test_settling.py",
    "tests/refunds/test_desk.py",
)
_STATES = ("tests/test_intents.py", "tests/refunds/test_states.py")
# What each module's tests are, those that find most first: runs of pytest, one after the other.
TESTS: Mapping[str, Sequence[Sequence[str]]] = {
    "rules": (_RULES,),
    "amounts": ((_RULES[1], *_RULES),),
    "evidence": ((_RULES[2], *_RULES),),
    "intents": (_STATES, _RULES),
    "ledger_sql": (_ON_SQLITE, _RACES),
    "ledger_steps": (_ON_SQLITE, _RACES),
    "ledger_queries": (_ON_SQLITE, _RACES),
    "ledger_rows": (_ON_SQLITE, _RACES),
    "ledger_file": (_ON_SQLITE,),
    "sqlite": (_ON_SQLITE,),
    "owner_locks": (_ON_SQLITE,),
    "postgres": (_ON_POSTGRES,),
    "postgres_connection": (_ON_POSTGRES,),
}
# Loaded once, before anything is forked: what the tests need beside the package.
_WARM = (
    "pytest",
    "_pytest.assertion.rewrite",
    "hypothesis",
    "hypothesis.stateful",
    "pytest_asyncio",
    "httpx",
    "psycopg",
    "pydantic",
    "starlette.applications",
    "uvicorn",
)
# A run may take so many times as long as without a mutant, and so many seconds more.
_PATIENCE, _GRACE_SECONDS = 4.0, 15.0


@dataclass
class Score:
    """What became of a module's mutants."""

    killed: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How many of them were killed, from 0 to 1."""
        tried = self.killed + len(self.survivors)
        return self.killed / tried if tried else 1.0


def run(
    modules: Sequence[str],
    *,
    sample: int | None = None,
    seed: int = 0,
    jobs: int = 2,
    minutes: float | None = None,
    quiet: bool = False,
) -> dict[str, Score]:
    """Try mutants of these modules.

    Args:
        sample: so many of all of them, drawn by the seed; None: every one.
        minutes: begin no mutant after this time.

    Raises:
        AssertionError: the tests fail without a mutant.
    """
    for name in _WARM:
        importlib.import_module(name)
    chosen = _drawn(modules, sample, seed)
    ends = None if minutes is None else time.monotonic() + minutes * 60
    scores: dict[str, Score] = {module: Score() for module in modules}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        limits = _limits({module for module, _ in chosen}, Path(folder))
        with ThreadPoolExecutor(jobs) as pool:
            tried = pool.map(lambda job: _tried(job, Path(folder), limits, ends), enumerate(chosen))
            for (module, mutant), killed in zip(chosen, tried, strict=True):
                if killed is None:
                    continue
                if killed:
                    scores[module].killed += 1
                else:
                    scores[module].survivors.append(mutant)
                if not quiet:
                    word = "killed  " if killed else "SURVIVED"
                    print(f"{word} {module}:{mutant.line}: {mutant.name}", flush=True)
    return scores


def _drawn(modules: Sequence[str], sample: int | None, seed: int) -> list[tuple[str, Mutant]]:
    found = [
        (module, mutant)
        for module in modules
        for mutant in mutants(_file(ROOT / "src", module).read_text())
    ]
    if sample is None or sample >= len(found):
        return found
    return random.Random(seed).sample(found, sample)


def _file(source: Path, module: str) -> Path:
    return source / PACKAGE / f"{module}.py"


Limits = Mapping[Sequence[str], float]


def _limits(modules: set[str], folder: Path) -> Limits:
    """How long each run of pytest may take; first it has to pass."""
    found = {}
    source = _copied(folder / "plain")
    for tests in dict.fromkeys(tests for module in sorted(modules) for tests in TESTS[module]):
        began = time.monotonic()
        code = _tested(source, tests, folder / "plain-tests", None)
        assert code == 0, f"the tests fail without a mutant: {' '.join(tests)}"
        found[tests] = (time.monotonic() - began) * _PATIENCE + _GRACE_SECONDS
    return found


def _tried(
    job: tuple[int, tuple[str, Mutant]],
    folder: Path,
    limits: Limits,
    ends: float | None,
) -> bool | None:
    """Whether the mutant was killed; None where there was no time for it."""
    number, (module, mutant) = job
    if ends is not None and time.monotonic() > ends:
        return None
    source = _copied(folder / str(number))
    try:
        _file(source, module).write_text(mutant.source)
        return any(
            _tested(source, tests, folder / f"{number}-tests", limits[tests]) != 0
            for tests in TESTS[module]
        )
    finally:
        shutil.rmtree(folder / str(number))
        shutil.rmtree(folder / f"{number}-tests", ignore_errors=True)


def _copied(folder: Path) -> Path:
    source = folder / "src"
    shutil.copytree(
        ROOT / "src",
        source,
        dirs_exist_ok=True,
        # A compiled file could stand for the source that is about to change.
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return source


def _tested(source: Path, tests: Sequence[str], folder: Path, seconds: float | None) -> int:
    """The exit code of these tests against the package in this folder; -1: too long."""
    child = os.fork()
    if child == 0:
        _pytest(source, tests, folder)
    ends = None if seconds is None else time.monotonic() + seconds
    asked = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return -1 if asked else os.waitstatus_to_exitcode(status)
        if ends is not None and time.monotonic() > ends:
            # Once with the chance to stop what it started, then without.
            os.kill(child, signal.SIGKILL if asked else signal.SIGINT)
            asked, ends = True, time.monotonic() + _GRACE_SECONDS
        time.sleep(0.02)


def _pytest(source: Path, tests: Sequence[str], folder: Path) -> None:
    import pytest

    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.chdir(ROOT)
        os.environ["PYTHONPATH"] = f"{source}{os.pathsep}{ROOT}"
        sys.path.insert(0, str(source))
        # What was loaded before the fork cannot be rewritten, and has no asserts of ours.
        options = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-m", "not long", "-x", "-q"]
        options += ["-p", "no:cacheprovider", f"--basetemp={folder}"]
        code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


# --- the list of survivors ------------------------------------------------------------------


def explained() -> dict[str, list[str]]:
    """The mutants that are known to survive, by module."""
    found = defaultdict(list)
    module = ""
    for line in SURVIVORS.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            module = line.removeprefix("## ").strip()
        elif line.startswith("- ``"):
            found[module].append(line.removeprefix("- ``").partition("``")[0])
    return dict(found)


def unexplained(scores: Mapping[str, Score]) -> Iterator[str]:
    """The survivors that the list does not know."""
    known = explained()
    for module, score in scores.items():
        for mutant in score.survivors:
            if mutant.name not in known.get(module, []):
                yield f"{module}:{mutant.line}: {mutant.name}"


def table(scores: Mapping[str, Score]) -> str:
    """The scores, a line for each module."""
    lines = [
        f"{module:<20} {score.killed:>4} of {score.killed + len(score.survivors):>4} killed"
        f"  {score.share:6.1%}"
        for module, score in scores.items()
    ]
    return "\n".join(lines)
