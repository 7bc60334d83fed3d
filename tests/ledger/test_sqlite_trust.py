"""Which files a ledger is trusted in: S7, S8 and S15 of the catalogue. None is touched."""

import contextlib
import os
import pwd
from pathlib import Path

import pytest

from order_skills.refunds import ledger_file
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_file import network_of
from order_skills.refunds.sqlite import SqliteLedger

from .backends import SqliteBackend, opened
from .faults import refused, watched
from .support import prepare


def test_a_new_ledger_is_for_its_owner_alone(sqlite: SqliteBackend) -> None:
    with opened(sqlite) as ledger:
        ledger.register("me")
        assert sqlite.path.stat().st_mode & 0o777 == 0o600
        assert sqlite.path.parent.stat().st_mode & 0o777 == 0o700
        locks = sqlite.path.parent / "owners"
        assert locks.stat().st_mode & 0o777 == 0o700
        assert (locks / "me.lock").stat().st_mode & 0o777 == 0o600
        # Nothing is left of how it was made.
        assert sorted(p.name for p in sqlite.path.parent.iterdir()) == ["ledger.db", "owners"]


def test_the_live_connection_keeps_a_rollback_journal_and_syncs_the_folder_too(
    tmp_path: Path,
) -> None:
    live = []
    connect = watched(lambda sql, connection: live.append(connection))
    with contextlib.closing(SqliteLedger(tmp_path / "ledger.db", connect=connect)):
        told = {
            name: live[-1].execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "mmap_size")
        }
        assert told == {
            "journal_mode": "delete",
            "synchronous": 3,  # EXTRA
            "foreign_keys": 1,
            "fullfsync": 1,
            "mmap_size": 0,
        }
        live.clear()


def test_a_ledger_is_opened_again_with_all_it_had(path: Path) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        assert len(ledger.list()) == 40
        ledger.verify()


def test_a_home_reached_through_a_link_is_a_home(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path.parent)
    with contextlib.closing(SqliteLedger(tmp_path / "link" / path.name)) as ledger:
        assert len(ledger.list()) == 40


def test_a_name_with_anything_in_it_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%e&f é" / "le dger?.db"
    with contextlib.closing(SqliteLedger(path)) as ledger:
        prepare(ledger)
    assert path.is_file()


def test_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    (path.parent / "link.db").symlink_to(path)
    refused(path.parent / "link.db", "is a link")


def test_a_link_to_nothing_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere.db")
    refused(tmp_path / "link.db", "is a link")
    assert not (tmp_path / "elsewhere.db").exists()


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602, 0o644, 0o640])
def test_a_file_that_others_may_use_is_refused_with_the_mend(path: Path, mode: int) -> None:
    path.chmod(mode)
    refused(path, "chmod 600")
    path.chmod(0o600)
    SqliteLedger(path).close()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_in_which_others_may_write_is_refused_with_the_mend(path: Path, mode: int) -> None:
    path.parent.chmod(mode)
    refused(path, "chmod 700")


def test_a_journal_that_others_may_write_is_not_played(path: Path) -> None:
    journal = path.with_name("ledger.db-journal")
    journal.write_bytes(b"planted")
    journal.chmod(0o666)
    refused(path, "others may use")


def test_a_file_of_another_user_is_refused(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
        refused(path, "belongs to another user")
    else:
        # /etc is root's, and not ours.
        refused(Path("/etc/passwd"), "belongs to another user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to somebody else")
def test_a_folder_of_another_user_is_refused(path: Path) -> None:
    os.chown(path.parent, pwd.getpwnam("nobody").pw_uid, -1)
    refused(path, "folder .* belongs to another user")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir(mode=0o700)
    refused(tmp_path / "ledger.db", "is not a file")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    refused(tmp_path / "home" / "ledger.db", "cannot be used")


def test_a_pipe_in_place_of_the_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ledger.db", 0o600)
    refused(tmp_path / "ledger.db", "is not a file")


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:5 / /dev rw - devtmpfs udev rw
40 22 0:40 /export /home rw,relatime shared:9 master:2 - nfs4 server:/export rw,vers=4.2
41 40 8:2 / /home/ann/fast\\040disk rw,relatime - ext4 /dev/sdb1 rw
42 22 0:42 / /mnt/share rw,relatime - cifs //server/share rw
43 42 0:43 / /mnt/share rw,relatime - tmpfs tmpfs rw
44 22 0:44 / /mnt/far rw - fuse.sshfs far: rw
"""


@pytest.mark.parametrize(
    ("folder", "network"),
    [
        ("/", None),
        ("/var/lib/order-skills", None),
        ("/home", "nfs4"),
        ("/home/ann/.local/share", "nfs4"),
        ("/homestead", None),
        ("/home/ann/fast disk/ledger", None),
        ("/mnt/share/x", None),  # the later mount hides the share
        ("/mnt/far/x", "fuse.sshfs"),
    ],
)
def test_a_folder_on_a_network_is_known(folder: str, network: str | None) -> None:
    assert network_of(Path(folder), MOUNTS) == network


def test_a_sqlite_that_lacks_a_statement_we_rely_on_is_refused_by_its_version() -> None:
    ledger_file.must_be_new_enough((3, 35, 0))
    with pytest.raises(LedgerError, match=r"older than 3\.35\.0; use a newer Python"):
        ledger_file.must_be_new_enough((3, 34, 1))
