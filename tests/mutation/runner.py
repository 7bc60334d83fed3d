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

import hypothesis

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.suites import ROOT, TESTS, Tests

PACKAGE = Path("order_skills/refunds")
SURVIVORS = Path(__file__).with_name("survivors.md")

# Loaded once, before anything is forked: what the tests need beside the package.
_WARM = (
    "pytest",
    "_pytest.assertion.rewrite",
    "hypothesis",
    "hypothesis.stateful",
    "pytest_asyncio",
    "anyio.pytest_plugin",
    "httpx2",
    "mcp",
    "psycopg",
    "pydantic",
    "starlette.applications",
    "uvicorn",
)
# SQLite syncs the disk at every commit; in memory that costs nothing.
_MEMORY = Path("/dev/shm")
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
    # A test that found something is to fail, not to look for the shortest way to it; and the same
    # mutant is to meet the same examples each time.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", phases=phases, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutants")
    ends = None if minutes is None else time.monotonic() + minutes * 60
    scores: dict[str, Score] = {module: Score() for module in modules}
    in_memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mutants-", dir=in_memory) as folder:
        source = Path(folder) / "plain" / "src"
        # What is edited while this runs changes nothing: each mutant is made from this copy.
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        chosen = _drawn(source, modules, sample, seed)
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


def _drawn(
    source: Path, modules: Sequence[str], sample: int | None, seed: int
) -> list[tuple[str, Mutant]]:
    found = [
        (module, mutant)
        for module in modules
        for mutant in mutants(_file(source, module).read_text())
    ]
    if sample is None or sample >= len(found):
        return found
    return random.Random(seed).sample(found, sample)


def _file(source: Path, module: str) -> Path:
    return source / PACKAGE / f"{module}.py"


Limits = Mapping[Tests, float]


def _limits(modules: set[str], folder: Path) -> Limits:
    """How long each run of pytest may take; first it has to pass."""
    found = {}
    source = folder / "plain" / "src"
    for tests in dict.fromkeys(tests for module in sorted(modules) for tests in TESTS[module]):
        began = time.monotonic()
        # A second chance: a machine that is at its limit is no mutant.
        passed = any(_tested(source, tests, folder / "plain-tests", None) == 0 for _ in range(2))
        assert passed, f"the tests fail without a mutant: {' '.join(tests)}"
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
    source = folder / str(number) / "src"
    # With what Python compiled of it, but for the file that is about to change.
    stale = shutil.ignore_patterns(f"{module}.*.pyc")
    shutil.copytree(folder / "plain" / "src", source, ignore=stale)
    try:
        _file(source, module).write_text(mutant.source)
        return any(
            _tested(source, tests, folder / f"{number}-tests", limits[tests]) != 0
            for tests in TESTS[module]
        )
    finally:
        shutil.rmtree(folder / str(number))
        shutil.rmtree(folder / f"{number}-tests", ignore_errors=True)


def _tested(source: Path, tests: Tests, folder: Path, seconds: float | None) -> int:
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


def _pytest(source: Path, tests: Tests, folder: Path) -> None:
    import pytest

    code = 1
    try:
        # Where a shell started this in the background, it was told not to listen.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.chdir(ROOT)
        os.environ["PYTHONPATH"] = f"{source}{os.pathsep}{ROOT}"
        os.environ["TMPDIR"] = str(folder.parent)
        tempfile.tempdir = None
        sys.path.insert(0, str(source))
        sys.dont_write_bytecode = False
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


def gone(modules: Sequence[str]) -> Iterator[str]:
    """What the list explains although no mutant is called so any more."""
    known = explained()
    for module in modules:
        there = {mutant.name for mutant in mutants(_file(ROOT / "src", module).read_text())}
        yield from (f"{module}: {name}" for name in known.get(module, []) if name not in there)


def unexplained(scores: Mapping[str, Score]) -> Iterator[str]:
    """The survivors that the list does not know."""
    known = explained()
    for module, score in scores.items():
        for mutant in score.survivors:
            if mutant.name not in known.get(module, []):
                yield f"{module}:{mutant.line}: {mutant.name}"


def table(scores: Mapping[str, Score]) -> str:
    """The scores, a line for each module."""
    killed = sum(score.killed for score in scores.values())
    everywhere = Score(killed, [m for score in scores.values() for m in score.survivors])
    return "\n".join(
        f"{module:<20} {score.killed:>4} of {score.killed + len(score.survivors):>4} killed"
        f"  {score.share:6.1%}"
        for module, score in {**scores, "all": everywhere}.items()
    )
