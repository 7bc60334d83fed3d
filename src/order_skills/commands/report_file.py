"""Whether `report --html FILE` may write its file, before anything is asked of a store."""

import os
import stat
import tempfile
from pathlib import Path

from order_skills.errors import ConfigurationError
from order_skills.settings import Settings


def checked(file: Path, found: Settings) -> Path:
    """The file's absolute path.

    Raises:
        ConfigurationError: it is a folder or anything else that is no file, it cannot be
            written, or it is one that order-skills needs.
    """
    try:
        path = Path(os.path.abspath(file.parent.resolve() / file.name))
        problem = _problem(path) or _taken(path, found)
    except (OSError, RuntimeError, ValueError) as error:
        # A name too long, a loop of links, a NUL in a name.
        told = getattr(error, "strerror", None)
        problem = f"cannot be used ({told})" if told else "cannot be used"
    if problem is not None:
        raise ConfigurationError("--html", problem)
    return path


def _problem(path: Path) -> str | None:
    if not path.parent.is_dir():
        return "is in a folder that is not there"
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None:
        if stat.S_ISDIR(mode):
            return "is a folder; name a file"
        # A link could lead to a file that is somebody's already.
        if not stat.S_ISREG(mode):
            return "is no regular file; name another one"
        if not os.access(path, os.W_OK):
            return "cannot be written; allow it, or name another one"
    # What is tried is known: rights, read-only disks and long names are too many to guess.
    handle, probe = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    Path(probe).unlink()
    return None


def _taken(path: Path, found: Settings) -> str | None:
    """Refuses to replace what holds keys or refunds."""
    if not path.exists():
        return None
    needed = [place for place in (found.config, found.ledger) if isinstance(place, Path)]
    if any(place.exists() and place.samefile(path) for place in needed):
        return "is a file that order-skills itself needs; name another one"
    return None
