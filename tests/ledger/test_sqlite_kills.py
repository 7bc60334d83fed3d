"""kill -9 under SQLite: hot journals, half-done steps and dead owners (P1, S10)."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from order_skills.refunds.intents import Intent, Limits, State
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.sqlite import SqliteLedger

from .backends import SqliteBackend, opened
from .faults import in_child, watched
from .processes import said, started, tell
from .support import ACCOUNT, ME, claimed, is_told, moved, prepare


def kill_in_mid_transaction(path: Path) -> None:
    """Pages of an unfinished transaction are in the file, and the journal that undoes them."""

    def work() -> str:
        connection = sqlite3.connect(path, isolation_level=None)
        # A cache of few pages: changed ones go to the file before the commit.
        connection.execute("PRAGMA cache_size = 2")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE refund_intent SET why = 'half of it', checks = checks + 7")
        os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    assert in_child(work) == (-signal.SIGKILL, "")


def test_a_hot_journal_is_rolled_back_when_the_ledger_is_opened(sqlite: SqliteBackend) -> None:
    with opened(sqlite) as ledger:
        for n in range(200):
            prepare(ledger, f"order-{n}")
        before = ledger.list()
    kept = sqlite.path.read_bytes()
    kill_in_mid_transaction(sqlite.path)
    journal = sqlite.path.with_name("ledger.db-journal")
    assert journal.stat().st_size > 0
    assert sqlite.path.read_bytes() != kept
    with opened(sqlite) as ledger:
        assert ledger.list() == before
        ledger.verify()
    assert not journal.exists()


def story(ledger: SqliteLedger, done: Callable[[str], None]) -> None:
    """A refund from its request to its end, saying what was answered."""
    ledger.register(ME)
    intent = prepare(ledger)
    done("prepared")
    assert ledger.approve(intent.refund_id, "ann") is not None
    done("approved")
    mine = claimed(ledger, intent)
    done("claimed")
    assert ledger.still_ours(mine.refund_id, 1)
    done("permitted")
    moved(ledger, mine, State.SUCCEEDED, store_refund_id="re_1")
    done("succeeded")


REACHED: dict[str, Callable[[Intent], bool]] = {
    "prepared": lambda intent: True,
    "approved": lambda intent: intent.approved_by == "ann",
    "claimed": lambda intent: intent.epoch == 1,
    "permitted": lambda intent: intent.sent_at is not None,
    "succeeded": lambda intent: intent.state is State.SUCCEEDED,
}


def test_a_kill_before_any_statement_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """kill -9 before the first statement, the second, and so on to the end of the story."""
    kills, ended = 0, False
    while not ended:
        path, told = tmp_path / f"home-{kills}" / "ledger.db", tmp_path / f"told-{kills}"
        ended = killed_before_statement(kills, path, told)
        answered = told.read_text().split() if told.exists() else []
        kills += 1
        with contextlib.closing(SqliteLedger(path)) as ledger:
            ledger.verify()
            found = ledger.list()
            assert bool(found) >= bool(answered)
            for intent in found:
                assert is_told(ledger, intent)
                assert all(REACHED[word](intent) for word in answered)
                # At most the step that was under way happened beyond what was answered.
                beyond = list(REACHED)[len(answered) + 1 :]
                assert not any(REACHED[word](intent) for word in beyond)
                # Its process is dead, so whatever it claimed and did not end is found at once.
                assert len(ledger.abandoned([ACCOUNT])) == (intent.state is State.SENDING)
    assert kills > 40


def killed_before_statement(number: int, path: Path, told: Path) -> bool:
    """Tell the story in a child that is killed at this statement; whether it came to its end."""
    left = [number]

    def kill(sql: str, connection: sqlite3.Connection) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def work() -> str:
        def done(word: str) -> None:
            with told.open("a") as file:
                file.write(f"{word} ")

        with contextlib.closing(SqliteLedger(path, connect=watched(kill))) as ledger:
            story(ledger, done)
        return "ended"

    status, words = in_child(work)
    assert (status, words) in ((-signal.SIGKILL, ""), (0, "ended"))
    return status == 0


def test_a_killed_process_is_dead_at_once_and_its_lock_file_is_cleared(
    sqlite: SqliteBackend,
) -> None:
    with opened(sqlite) as ledger:
        ledger.register(ME)
        intent = prepare(ledger)
        sqlite.run("UPDATE refund_intent SET expires_at = 4000000000")
        rival = started("racer.py")
        tell(
            rival, f'{{"ledger": "{sqlite.path}", "owner": "rival", "limits": [null, null, null]}}'
        )
        assert said(rival) == "ready"
        lock = sqlite.path.parent / "owners" / "rival.lock"
        assert lock.exists()
        ledger.claim(
            intent.refund_id,
            owner="rival",
            baseline=(),
            deadline=time.time() + 10**9,
            limits=Limits(),
            must_be_approved=False,
        )
        assert ledger.abandoned([ACCOUNT]) == ()
        rival.kill()
        rival.communicate()
        assert [i.refund_id for i in ledger.abandoned([ACCOUNT])] == [intent.refund_id]
        assert not lock.exists()


def test_lock_files_of_dead_processes_are_cleared_when_another_signs_on(
    sqlite: SqliteBackend,
) -> None:
    owners = sqlite.path.parent / "owners"
    with opened(sqlite) as ledger, opened(sqlite) as living:
        living.register("living")
        for n in range(3):
            (owners / f"dead-{n}.lock").touch(mode=0o600)
        ledger.register(ME)
        assert sorted(p.name for p in owners.iterdir()) == ["living.lock", "process-1.lock"]
        ledger.unregister(ME)
        assert sorted(p.name for p in owners.iterdir()) == ["living.lock"]
    assert list(owners.iterdir()) == []


def test_a_lock_file_that_was_taken_away_is_made_anew_by_the_next_heartbeat(
    sqlite: SqliteBackend,
) -> None:
    with opened(sqlite) as ledger:
        ledger.register(ME)
        claimed(ledger, prepare(ledger))
        (sqlite.path.parent / "owners" / f"{ME}.lock").unlink()
        assert len(ledger.abandoned([ACCOUNT])) == 1
        ledger.heartbeat(ME)
        assert ledger.abandoned([ACCOUNT]) == ()


def test_a_lock_file_that_was_replaced_is_made_anew_by_the_next_heartbeat(
    sqlite: SqliteBackend,
) -> None:
    lock = sqlite.path.parent / "owners" / f"{ME}.lock"
    with opened(sqlite) as ledger:
        ledger.register(ME)
        claimed(ledger, prepare(ledger))
        lock.rename(lock.with_name("elsewhere"))
        lock.touch(mode=0o600)
        ledger.heartbeat(ME)
        assert ledger.abandoned([ACCOUNT]) == ()


@pytest.mark.parametrize("owner", ["", ".", "..", "../up", "a/b", "a\0b", "-x", "x" * 101, "é"])
def test_an_owner_whose_name_is_no_file_name_is_refused(sqlite: SqliteBackend, owner: str) -> None:
    with opened(sqlite) as ledger, pytest.raises(LedgerError, match="owner's name"):
        ledger.register(owner)
    assert list(sqlite.path.parent.parent.iterdir()) == [sqlite.path.parent]
