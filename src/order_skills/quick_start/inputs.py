"""What a server's first answers depend on: code, command line, environment, files.

They are taken as they are, before anything is parsed: where every one is what it was, what is
made of them is, too. A setting more than matters costs one slow start and nothing else.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b

# Settings by value. The folder of the user's data is where the state is, unless one is named.
_BEGIN = ("ORDER_SKILL", "PAYNOW_STORE_ID", "HOME", "XDG_DATA_HOME", "LOCALAPPDATA")
# Of a key it counts that it is there; its value goes into `secret` alone.
KEYS = ("CLAW_API_KEY", "PAYNOW_API_KEY", "CLOOVE_API_KEY", "VESUVIOPAY_API_KEY")
# An address of a database may hold a password.
_LEDGER = "ORDER_SKILLS_LEDGER"

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def home_of(environ: Mapping[str, str]) -> str | None:
    """The folder of state, as `settings.load` finds it; None: there is none to use."""
    named = environ.get("ORDER_SKILLS_HOME")
    if named is None:
        from order_skills.errors import ConfigurationError
        from order_skills.settings_home import default_home

        try:
            return str(default_home(environ))
        except ConfigurationError:
            return None
    return named if os.path.isabs(named) else None


def digest_of(argv: Sequence[str], environ: Mapping[str, str], home: str) -> bytes:
    """A digest of all that the answers depend on, but for the keys themselves.

    Raises:
        OSError: the package's own files cannot be listed.
    """
    config = _config_of(argv) or os.path.join(home, "config.toml")
    parts = [sys.version, *argv, os.path.abspath(config), signature(config)]
    for name in sorted(environ):
        if name in KEYS:
            parts.append(name)
        elif name.startswith(_BEGIN):
            hidden = name == _LEDGER and "://" in environ[name]
            parts += [name, "://" if hidden else environ[name]]
    parts += [*_code(), *_distributions()]
    # Lengths keep two neighbours from being read as two others.
    written = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def secret_of(environ: Mapping[str, str]) -> bytes:
    """What seals the file: made of the keys in the environment, constant where there is none."""
    held = "\0".join(environ.get(name, "") for name in KEYS)
    return blake2b(held.encode("utf-8", "surrogatepass"), person=b"order-skills").digest()


def signature(path: str) -> str:
    """What changes with a file or its permissions."""
    try:
        found = os.stat(path)
    except OSError as error:
        return f"none {error.errno}"
    return (
        f"{found.st_mode} {found.st_uid} {found.st_size} "
        f"{found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    )


def _config_of(argv: Sequence[str]) -> str | None:
    found = None
    for at, word in enumerate(argv):
        # Of several the last one counts.
        if word == "--config" and at + 1 < len(argv):
            found = argv[at + 1]
        elif word.startswith("--config="):
            found = word.partition("=")[2]
    return found


def _code() -> list[str]:
    """The package's files; in a checkout also the pages beside it that the server lists."""
    top = os.path.dirname(os.path.dirname(_PACKAGE))
    found = [f"skill.md {signature(os.path.join(top, 'skill.md'))}"]
    for folder in (_PACKAGE, os.path.join(top, "references")):
        _listed(folder, found)
    return found


def _listed(folder: str, found: list[str]) -> None:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # The pages are there in a checkout alone.
        if folder.startswith(_PACKAGE):
            raise
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                _listed(entry.path, found)
        else:
            about = entry.stat()
            found.append(f"{entry.path} {about.st_size} {about.st_mtime_ns}")


def _distributions() -> list[str]:
    """Every installed distribution with its version, by the names of their folders."""
    found = []
    for folder in sys.path:
        try:
            names = os.listdir(folder or os.curdir)
        except OSError:
            continue
        found += [name for name in names if name.endswith((".dist-info", ".egg-info"))]
    return sorted(found)
