"""Runs of the simulator, each from its seed.

A run that fails prints its seed and what happened in it; the same run again:

    pytest tests/refunds/simulator --simulator-seed=SEED
"""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from order_skills.refunds.sqlite import SqliteLedger
from tests.refunds.simulator.run import Run
from tests.refunds.stage import unsynced

SEEDS = 300
SEEDS_LONG = 10_300
# So many runs are one test, so that a failure is found soon and the list stays short.
AT_ONCE = 50


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy: making one takes longer than a run."""
    path = tmp_path_factory.mktemp("template") / "home" / "ledger.db"
    with closing(SqliteLedger(path, connect=unsynced)):
        return path


def run(seed: int, folder: Path, template: Path) -> None:
    """One run; where it fails, its seed and its story are printed."""
    simulated = Run(seed, folder, template)
    try:
        simulated.go()
    except BaseException:
        print("\n".join(simulated.lines))
        print(f"the same run again: pytest tests/refunds/simulator --simulator-seed={seed}")
        raise
    # Thousands of ledgers would stay until the next runs of pytest.
    shutil.rmtree(folder / str(seed))


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_whatever_happens_nothing_is_paid_twice_or_lost(
    first: int, tmp_path: Path, template: Path, simulator_seed: int | None
) -> None:
    seeds = range(first, first + AT_ONCE) if simulator_seed is None else [simulator_seed]
    for seed in seeds:
        run(seed, tmp_path, template)


@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, SEEDS_LONG, 20 * AT_ONCE))
def test_whatever_happens_in_ten_thousand_runs_nothing_is_paid_twice_or_lost(
    first: int, tmp_path: Path, template: Path
) -> None:
    for seed in range(first, min(first + 20 * AT_ONCE, SEEDS_LONG)):
        run(seed, tmp_path, template)
