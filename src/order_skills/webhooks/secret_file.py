"""The secrets that were made or taken in here: a file for each store, in the owner's folder.

Every process writes it and the receiver reads it, so that a new secret counts without a restart.
A change is written aside and put in place in one step; who writes aside shuts the others out.
"""

import contextlib
import json
import os
import secrets as random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from order_skills import strict_json
from order_skills.errors import Code, Refusal
from order_skills.settings_file import not_private, read_small_file
from order_skills.settings_home import secret_file
from order_skills.settings_values import BadValue, Secret, webhook_secrets

# Of chance, in bytes: 43 characters behind the prefix by which logs and scanners know a secret.
_BYTES = 32
_PREFIX = "whsec_"
MAX_FILE_BYTES = 65_536
# More are never in use at once; each is tried on every delivery.
MAX_KEPT = 32
# Nobody holds the file for longer than a write takes.
PATIENCE_SECONDS = 2.0
# What an owner does who has no such secrets any more.
_LOST = "put a backup there, or remove it and make new secrets: order-skills webhooks secret"

Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Kept:
    """A secret.

    `url` is of the endpoint that it was made for, `webhook_id` the store's id of it once that is
    known; a secret for a dashboard has neither.
    """

    secret: Secret
    made_at: str
    url: str | None = None
    webhook_id: str | None = None


def new_secret() -> Secret:
    """A secret that nobody can guess."""
    return Secret(_PREFIX + random.token_urlsafe(_BYTES))


class SecretFile:
    """The kept secrets of a store.

    Args:
        home: the owner's folder of state.
        store: its name.
        patience: seconds to wait for another process that changes it.

    Every method raises `Refusal` LEDGER_UNAVAILABLE where the file cannot be used or trusted.
    """

    def __init__(self, home: Path, store: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self._home = home
        self._patience = patience
        self._path = secret_file(home, store)

    def is_there(self) -> bool:
        """Whether a secret was ever kept here."""
        return self._path.exists()

    def stamp(self) -> Stamp | None:
        """What changes with the file; None: there is none."""
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(f"cannot be read ({error.strerror})") from None
        # The time of a change of rights, too, where the system has one.
        return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino

    def read(self) -> tuple[Kept, ...]:
        """The secrets, oldest first."""
        try:
            # Its name alone: an agent may read this.
            return self._held(Path(self._path.name))
        except BadValue as bad:
            raise self._refusal(str(bad)) from None

    def problem(self) -> str | None:
        """Why it cannot be used or trusted, with the mend, for its owner; None: it can."""
        aside = self._aside()
        try:
            self._held(self._path)
            age = time.time() - aside.stat().st_mtime
        except FileNotFoundError:
            return None
        except BadValue as bad:
            return f"{self._path} {bad}{_mend(str(bad), self._path)}"
        except OSError as error:
            return f"{aside} cannot be used ({error.strerror}); remove it"
        if age <= self._patience:
            return None
        return f"{aside} is left of a change that was broken off, and bars every other; remove it"

    def _held(self, shown: Path) -> tuple[Kept, ...]:
        found = read_small_file(self._path, MAX_FILE_BYTES)
        if found is None:
            return ()
        if problem := not_private(found[1], shown):
            raise BadValue(problem)
        return _parsed(found[0])

    def add(self, secret: Secret, url: str | None = None) -> None:
        """Keep one more, durably."""
        entry = Kept(secret, datetime.now(UTC).isoformat(timespec="seconds"), url)

        def with_it(kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
            if len(kept) >= MAX_KEPT:
                raise self._refusal(
                    f"holds {MAX_KEPT} secrets; remove endpoints, or `webhooks secret --drop-old`"
                )
            return (*kept, entry)

        self._change(with_it)

    def belongs(self, secret: Secret, webhook_id: str) -> None:
        """Write down which of the store's webhooks is signed with it."""
        self._change(
            lambda kept: tuple(
                replace(entry, webhook_id=webhook_id) if entry.secret == secret else entry
                for entry in kept
            )
        )

    def drop_old(self) -> int:
        """Forget all that were made for a dashboard but the newest; how many."""
        old = [entry for entry in self.read() if entry.url is None][:-1]
        return self.drop(lambda entry: entry in old)

    def drop(self, which: Callable[[Kept], bool]) -> int:
        """Forget some of them; how many."""
        gone = [entry for entry in self.read() if which(entry)]
        if gone:
            self._change(lambda kept: tuple(entry for entry in kept if entry not in gone))
        return len(gone)

    def _change(self, change: Callable[[tuple[Kept, ...]], tuple[Kept, ...]]) -> None:
        aside = self._aside()
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = self._alone(aside)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                    file.write(_written(change(self.read())))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(aside, self._path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            _sync(self._home)
        except OSError as error:
            raise self._refusal(f"cannot be written ({error.strerror})") from None

    def _aside(self) -> Path:
        return self._path.with_name(f"{self._path.name}.new")

    def _alone(self, aside: Path) -> int:
        deadline = time.monotonic() + self._patience
        while True:
            with contextlib.suppress(FileExistsError):
                return os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            if time.monotonic() > deadline:
                raise self._refusal(
                    f"is being changed by another process; if there is none, remove {aside.name}"
                )
            time.sleep(0.02)

    def _refusal(self, problem: str) -> Refusal:
        return Refusal(
            Code.LEDGER_UNAVAILABLE,
            f"the file of webhook secrets {self._path.name} in ORDER_SKILLS_HOME {problem}",
            "tell the owner; nothing was sent",
        )


class Secrets:
    """Every secret of a store that counts now: those of its settings and those of its file.

    The file is looked at each time, which costs microseconds, and read when it changed.
    """

    def __init__(self, configured: Sequence[Secret], file: SecretFile) -> None:
        self._configured = tuple(secret.reveal() for secret in configured)
        self._file = file
        self._stamp: Stamp | None = None
        self._kept: tuple[str, ...] = ()

    def __call__(self) -> tuple[str, ...]:
        """The newest first.

        Raises:
            Refusal: the file is there, and cannot be used or trusted.
        """
        # Before the reading: a change during it is seen the next time.
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self._kept = tuple(entry.secret.reveal() for entry in reversed(self._file.read()))
            self._stamp = stamp
        return (*self._kept, *self._configured)


def _mend(problem: str, path: Path) -> str:
    if problem.startswith("cannot be read"):
        return f"; run: chmod 600 '{path}'"
    return "" if "; " in problem else f"; {_LOST}"


def _parsed(held: str) -> tuple[Kept, ...]:
    if not held.strip():
        raise BadValue("is empty")
    try:
        table = strict_json.parse(held.encode())
        rows = table["secrets"] if isinstance(table, dict) else None
        if not isinstance(rows, list):
            raise TypeError
        return tuple(
            Kept(
                webhook_secrets([row["secret"]])[0],
                str(row["made_at"]),
                row.get("url"),
                row.get("webhook_id"),
            )
            for row in rows
        )
    except (strict_json.BadJson, KeyError, TypeError, AttributeError):
        raise BadValue("does not hold what this program wrote there") from None


def _written(kept: Sequence[Kept]) -> str:
    rows = [{**asdict(entry), "secret": entry.secret.reveal()} for entry in kept]
    told = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return json.dumps({"secrets": told}, indent=2) + "\n"


def _sync(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
