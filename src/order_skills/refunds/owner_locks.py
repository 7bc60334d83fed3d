"""Which processes on this machine live: each holds a lock on a file of its own until it ends.

The operating system lets go of the lock however the process ends, kill -9 included, and no clock
is involved. A lock that can be taken, or a file that is gone, means a dead owner. That an owner
is called dead by mistake costs nothing but a reading back: the epoch of its claim guards the rest.
"""

import contextlib
import os
import re
import sys
from collections.abc import Collection
from pathlib import Path

from order_skills.refunds.ledger import LedgerError

# It becomes a file name.
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, *, wait: bool) -> bool:
        try:
            # LK_LOCK tries for ten seconds; nobody holds a lock of ours for longer than a look.
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(descriptor: int, *, wait: bool) -> bool:
        # flock and not POSIX locks: those are lost when any descriptor of the file is closed.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            return False
        return True


class OwnerLocks:
    """The lock files of one ledger's owners, in a folder beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def hold(self, owner: str) -> None:
        """Be alive as this owner; a lock file that was taken away is made anew."""
        if owner in self._held:
            if self._is_ours(owner):
                return
            os.close(self._held.pop(owner))
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._sweep()
            while owner not in self._held:
                descriptor = os.open(self._file(owner), os.O_RDWR | os.O_CREAT, 0o600)
                self._held[owner] = descriptor
                # Somebody's sweep may have taken the file away before the lock was ours.
                if not (_take(descriptor, wait=True) and self._is_ours(owner)):
                    os.close(self._held.pop(owner))
        except OSError as error:
            raise LedgerError(f"no lock file in {self._folder}: {error.strerror}") from error

    def release(self, owner: str) -> None:
        """Be dead as this owner."""
        descriptor = self._held.pop(owner, None)
        if descriptor is not None:
            with contextlib.suppress(OSError):
                self._file(owner).unlink()
            os.close(descriptor)

    def release_all(self) -> None:
        """Be dead as every owner that is held here."""
        for owner in tuple(self._held):
            self.release(owner)

    def living(self, owners: Collection[str] | None = None) -> frozenset[str]:
        """Which of these owners are alive (None: of all)."""
        if owners is None:
            owners = {file.stem for file in self._folder.glob("*.lock")}
        # Nobody can hold a lock under a name that is no file name.
        named = (owner for owner in owners if _OWNER.fullmatch(owner))
        return frozenset(owner for owner in named if not self._is_dead(self._file(owner)))

    def _sweep(self) -> None:
        for file in self._folder.glob("*.lock"):
            self._is_dead(file)

    def _is_dead(self, file: Path) -> bool:
        try:
            descriptor = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return True
        except OSError:
            # Not to be told: alive, until the deadline of its send has passed.
            return False
        try:
            if not _take(descriptor, wait=False):
                return False
            # Windows keeps a file that is open; the next sweep takes it.
            with contextlib.suppress(OSError):
                file.unlink()
            return True
        finally:
            os.close(descriptor)

    def _is_ours(self, owner: str) -> bool:
        try:
            there = self._file(owner).stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._held[owner]))

    def _file(self, owner: str) -> Path:
        if _OWNER.fullmatch(owner) is None:
            raise LedgerError("an owner's name has letters, digits, dots, dashes and underscores")
        return self._folder / f"{owner}.lock"
