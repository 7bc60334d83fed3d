"""The files that settings are read from: the TOML file, and files that hold one key each.

A file is opened once and judged by what was opened, so that it cannot be exchanged between
the look at its permissions and the reading.
"""

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from order_skills.errors import ConfigurationError
from order_skills.settings_values import BadValue

# A key has some fifty characters; whatever is larger is another file.
MAX_KEY_FILE_BYTES = 4_096
# Thousands of stores; a larger file is not ours.
MAX_CONFIG_BYTES = 262_144

_ROOT = 0

# How the parser's errors begin, and what they mean to a person.
_TOML_ERRORS = {
    "Invalid value": "no value stands there that TOML knows; a text needs quotes",
    "Invalid statement": "neither a name = value nor a [table] begins there",
    "Expected '=' after a key": "a name must be followed by = and its value",
    "Expected newline or end": "something stands behind a value; a text needs quotes, and a new "
    "setting a line of its own",
    "Expected ']": "the name of a table is not closed by ]",
    "Cannot declare": "this table stands there twice; keep one of the two",
    "Cannot redefine": "this table stands there twice; keep one of the two",
    "Cannot overwrite": "this setting stands there twice; keep one of the two",
    "Duplicate inline table key": "this setting stands there twice; keep one of the two",
    "Cannot mutate immutable": "this table is closed already; write its settings in one place",
    "Invalid initial character": "a name must be of letters, digits, _ and -, or stand in quotes",
    "Unclosed array": "a list misses a comma, or its closing ]",
    "Unclosed inline table": "a { misses a comma, or its closing }",
    "Unescaped": "in a text, a backslash must be doubled",
    "Unterminated string": "a text misses its closing quote",
    "Illegal character": "a text misses its closing quote, or holds a control character",
    "Found invalid character": "a control character stands there",
    "Expected ": "a text misses its closing quote",
}


def read_config(path: Path) -> dict[str, Any] | None:
    """The tables of a TOML file, None where there is no such file.

    Raises:
        ConfigurationError: naming the file: unreadable, not TOML, or open to other users.
    """
    # Only who has a file needs the parser.
    import tomllib

    try:
        found = read_small_file(path, MAX_CONFIG_BYTES)
        if found is None:
            return None
        tables = tomllib.loads(found[0])
        if problem := _open_to_others(found[1], path, secrets=_holds_secret(tables)):
            raise BadValue(problem)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(path), f"is not valid TOML{_in_words(str(error))}") from None
    except RecursionError:
        raise ConfigurationError(str(path), "is nested too deeply") from None
    except BadValue as bad:
        raise ConfigurationError(str(path), str(bad)) from None
    return tables


def key_files(path: Path | None) -> list[str]:
    """The files that the stores' keys are in, by a TOML file that could be read before.

    Raises:
        ConfigurationError: it no longer can.
    """
    stores = ((path and read_config(path)) or {}).get("stores", {})
    return [str(table["key_file"]) for table in stores.values() if "key_file" in table]


def _in_words(error: str) -> str:
    """Where the parser stopped and why, without its own words: they may quote the file."""
    place = re.search(r"\(at [a-z0-9, ]+\)$", error)
    where = f" {place[0].replace('document', 'the file')}" if place else ""
    why = next((meaning for words, meaning in _TOML_ERRORS.items() if error.startswith(words)), "")
    return f"{where}: {why}" if why else where


def key_from_file(path: Path) -> str:
    """The key in a file of its own; one line break at its end is not part of it.

    Raises:
        BadValue: missing, not a regular file, too large, unreadable, or not private.
    """
    found = read_small_file(path, MAX_KEY_FILE_BYTES)
    if found is None:
        raise BadValue(f"there is no file {path}")
    held, info = found
    if problem := not_private(info, path):
        raise BadValue(problem)
    return held.removesuffix("\n").removesuffix("\r")


def read_small_file(path: Path, most_bytes: int) -> tuple[str, os.stat_result] | None:
    """A regular file's text and the stat of the very file that was read; None: there is none.

    Raises:
        BadValue: not a regular file, too large, unreadable, or not UTF-8.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for somebody to write into it; without
    # O_BINARY, Windows would change what is read.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        opened = os.open(path, flags)
        try:
            info = os.fstat(opened)
            if not stat.S_ISREG(info.st_mode):
                raise BadValue("is not a regular file")
            with os.fdopen(opened, "rb", closefd=False) as file:
                held = file.read(most_bytes + 1)
        finally:
            os.close(opened)
    except FileNotFoundError:
        if path.is_symlink():
            # What the owner wrote there must not be skipped in silence.
            raise BadValue("is a link that leads nowhere") from None
        return None
    except OSError as error:
        raise BadValue(f"cannot be read ({error.strerror})") from None
    if len(held) > most_bytes:
        raise BadValue(f"is larger than {most_bytes} bytes")
    try:
        return held.decode("utf-8-sig"), info
    except UnicodeDecodeError:
        raise BadValue("is not UTF-8 text") from None


def not_private(info: os.stat_result, path: Path) -> str | None:
    """Why a file or folder can be read or changed by other users, with the mend; None: it cannot.

    On Windows the folder's access list decides, which the user's own data folder has right.
    """
    if sys.platform == "win32":
        return None
    if info.st_uid != os.geteuid():
        return "belongs to another user; make it your own"
    if info.st_mode & 0o077:
        mode = "700" if stat.S_ISDIR(info.st_mode) else "600"
        return f"is open to other users; run: chmod {mode} '{path}'"
    return None


def _open_to_others(info: os.stat_result, path: Path, *, secrets: bool) -> str | None:
    if secrets or sys.platform == "win32":
        return not_private(info, path)
    # Without a key in it everybody may read the policy, and nobody else may change it.
    if info.st_uid not in (os.geteuid(), _ROOT):
        return "belongs to another user; make it your own"
    if info.st_mode & 0o022:
        return f"can be changed by other users; run: chmod go-w '{path}'"
    return None


def _holds_secret(tables: dict[str, Any]) -> bool:
    stores = tables.get("stores")
    listed = list(stores.values()) if isinstance(stores, dict) else []
    secret = {"key", "webhook_secrets"}
    http = tables.get("http")
    if isinstance(http, dict) and "state_keys" in http:
        return True
    # A ledger's address may hold a password.
    return "://" in str(tables.get("ledger", "")) or any(
        isinstance(store, dict) and secret & store.keys() for store in listed
    )
