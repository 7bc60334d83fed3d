"""Files that were harmed, before or while they are in use: S5 and S6 of the catalogue."""

import contextlib
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Claimed, LedgerError
from order_skills.refunds.schema import APPLICATION_ID
from order_skills.refunds.sqlite import SqliteLedger

from .faults import in_child, refused, watched
from .support import ACCOUNT, claim, claim_by_itself, prepare


def no_database(path: Path) -> None:
    path.write_text("refunds: none\n" * 100)


def bad_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 16)


def flipped_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)


def flipped_last_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096)
        file.write(b"\xff" * 4096)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def odd_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 777)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def a_few_bytes(path: Path) -> None:
    os.truncate(path, 99)


def header_alone(path: Path) -> None:
    os.truncate(path, 100)


def foreign(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (words TEXT)")
    path.chmod(0o600)


def newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def without_trigger(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER refund_event_stays")


def without_index(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX one_active")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (no_database, "not a database"),
        (bad_header, "not a database"),
        (flipped_page, "damaged"),
        (flipped_last_page, "damaged"),
        (half, "damaged"),
        (odd_half, "damaged"),
        (emptied, "lost its contents"),
        (a_few_bytes, "lost its contents"),
        (header_alone, "damaged|not a database"),
        (foreign, "another program"),
        (newer, "newer order-skills"),
        (without_trigger, "tables .* were changed"),
        (without_index, "tables .* were changed"),
    ],
)
def test_a_harmed_file_is_refused_and_kept(
    path: Path, harm: Callable[[Path], None], words: str
) -> None:
    harm(path)
    refused(path, words)


def test_a_foreign_database_with_a_journal_beside_it_is_not_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    foreign_tables = sqlite3.connect(path, isolation_level=None)
    foreign_tables.execute("PRAGMA cache_size = 1")
    foreign_tables.execute("CREATE TABLE theirs (words TEXT)")
    foreign_tables.execute("BEGIN IMMEDIATE")
    for _ in range(50):
        foreign_tables.execute("INSERT INTO theirs VALUES (?)", ("x" * 4_000,))
    shutil.copy(path, tmp_path / "copy.db")
    shutil.copy(f"{path}-journal", tmp_path / "copy.db-journal")
    foreign_tables.close()
    for name in ("copy.db", "copy.db-journal"):
        (tmp_path / name).chmod(0o600)
    refused(tmp_path / "copy.db", "another program")
    assert (tmp_path / "copy.db-journal").stat().st_size > 0


def test_a_database_in_wal_mode_is_brought_back_to_a_rollback_journal(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    with contextlib.closing(SqliteLedger(path)) as ledger:
        ledger.verify()
        assert len(ledger.list()) == 40


def test_a_database_that_another_program_keeps_in_wal_mode_is_refused(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT COUNT(*) FROM refund_intent").fetchone()
        with pytest.raises(LedgerError, match=r"wal mode|locked"):
            SqliteLedger(path, busy_seconds=0.05)


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def moved_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


@pytest.mark.parametrize("harm", [Path.unlink, replaced, moved_away, emptied])
def test_a_file_that_is_taken_away_while_in_use_stops_everything_for_good(
    path: Path, harm: Callable[[Path], None]
) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        intent = prepare(ledger, "order-x")
        kept = path.with_name("kept")
        os.link(path, kept)
        harm(path)
        for _ in range(2):
            with pytest.raises(LedgerError, match="deleted or replaced"):
                claim(ledger, intent)
            with pytest.raises(LedgerError, match="deleted or replaced"):
                ledger.get(intent.refund_id)
            with pytest.raises(LedgerError, match="deleted or replaced"):
                ledger.verify()
        # Even when the file comes back: what happened in between is not known.
        kept.replace(path)
        with pytest.raises(LedgerError, match="deleted or replaced"):
            ledger.move(intent.refund_id, State.DENIED, Change("test", "because"))


def test_a_file_that_is_replaced_during_a_claim_gives_no_claim(path: Path) -> None:
    switch = {"on": False}

    def swap(sql: str, connection: sqlite3.Connection) -> None:
        if switch["on"] and sql == "COMMIT":
            switch["on"] = False
            replaced(path)

    with contextlib.closing(SqliteLedger(path, connect=watched(swap))) as ledger:
        intent = prepare(ledger, "order-x")
        switch["on"] = True
        with pytest.raises(LedgerError, match="deleted or replaced"):
            claim_by_itself(ledger, intent)


@pytest.fixture
def anybodys_folder() -> Iterator[Path]:
    """A folder that an ordinary user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp" if os.geteuid() == 0 else None))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_no_ledger_is_made_in_a_folder_that_cannot_be_written(anybodys_folder: Path) -> None:
    anybodys_folder.chmod(0o555)

    def work() -> str:
        SqliteLedger(anybodys_folder / "ledger.db")
        return "made"

    status, words = in_child(work, as_nobody=True)
    assert (status, words.split(":")[0]) == (0, "LedgerError")
    assert "no ledger can be made" in words
    assert list(anybodys_folder.iterdir()) == []


def test_a_file_that_cannot_be_written_is_read_and_claims_nothing(anybodys_folder: Path) -> None:
    home = anybodys_folder / "home"
    home.mkdir(mode=0o755)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)

    def work() -> str:
        path = home / "ledger.db"
        with contextlib.closing(SqliteLedger(path)) as ledger:
            intent = prepare(ledger)
        path.chmod(0o400)
        with contextlib.closing(SqliteLedger(path)) as ledger:
            try:
                claim(ledger, intent)
            except LedgerError as error:
                return f"{len(ledger.list())} kept, {error}"
        return "claimed"

    status, words = in_child(work, as_nobody=True)
    assert status == 0
    assert words.startswith("1 kept, ")
    assert "cannot be written" in words


def test_a_forked_process_opens_the_ledger_for_itself(path: Path) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        status, words = in_child(lambda: str(len(ledger.list())))
        assert (status, words.split(":")[0]) == (0, "LedgerError")
        assert len(ledger.list(accounts=[ACCOUNT])) == 40


def test_the_mark_of_our_ledgers_spells_what_they_are() -> None:
    assert APPLICATION_ID.to_bytes(4, "big") == b"OSLr"


def test_an_unclaimed_intent_of_a_ledger_that_was_opened_again_is_claimed(path: Path) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        intent = prepare(ledger, "order-x")
    with contextlib.closing(SqliteLedger(path)) as ledger:
        assert isinstance(claim(ledger, intent), Claimed)
