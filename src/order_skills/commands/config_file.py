"""Putting a key or a token into config.toml, or taking one out, and touching nothing else there.

The lines are edited, so that comments stay; the proof is that the new text says what the old
one did but for the change.
"""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NEW_FILE = "# Settings of order-skills. It holds a key: keep it readable by yourself alone.\n"
_NEW_FILE_WITHOUT_KEY = "# Settings of order-skills.\n"
_OURS = re.compile(r"\s*(key|key_file|store_id|url)\s*=")
_HEADER = re.compile(r"\s*\[")
_BLANK_OR_COMMENT = re.compile(r"\s*(#.*)?\n?")


class CannotEdit(Exception):
    """The file is written in a way in which the change cannot be made safely."""


def with_store(text: str, platform: str, key: str, *, url: str | None, store_id: str | None) -> str:
    """The file's text with this key in `[stores.PLATFORM]`; every other setting is as it was.

    Args:
        text: a valid TOML file, or nothing.
        url: another address than the platform's own.
        store_id: for a platform that needs one.

    Raises:
        CannotEdit: the table is written in a form in which its lines cannot be told apart.
    """
    header = re.compile(rf"\s*\[\s*stores\s*\.\s*{platform}\s*\]\s*(#.*)?\s*")
    # A basic string of TOML escapes printable ASCII as JSON does.
    values = {"url": url, "store_id": store_id, "key": key}
    ours = [f"{name} = {json.dumps(value)}\n" for name, value in values.items() if value]
    lines = (text or _NEW_FILE).splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if header.fullmatch(line)), None)
    if at is None:
        before = "".join(lines)
        gap = "\n" if before.endswith("\n") else "\n\n"
        table = [f"{gap}[stores.{platform}]\n", f"platform = {json.dumps(platform)}\n", *ours]
        made = before + "".join(table)
    else:
        end = next((i for i in range(at + 1, len(lines)) if _HEADER.match(lines[i])), len(lines))
        kept = [line for line in lines[at + 1 : end] if not _OURS.match(line)]
        made = "".join([*lines[: at + 1], *ours, *kept, *lines[end:]])
    expected = tomllib.loads(text)
    table = expected.setdefault("stores", {}).setdefault(platform, {"platform": platform})
    table.pop("key_file", None)
    for name, value in values.items():
        table.pop(name, None)
        if value is not None:
            table[name] = value
    return proven(made, expected)


def with_token(text: str, name: str, token: Mapping[str, str | list[str]]) -> str:
    """The file's text with a new table `[tokens.NAME]` at its end.

    Args:
        text: a valid TOML file without that table, or nothing.
        token: its settings.

    Raises:
        CannotEdit: the tokens are written in a form to which no table can be added.
    """
    before = text or _NEW_FILE_WITHOUT_KEY
    gap = "\n" if before.endswith("\n") else "\n\n"
    lines = [f"{setting} = {json.dumps(value)}\n" for setting, value in token.items()]
    made = "".join([before, gap, f"[tokens.{name}]\n", *lines])
    expected = tomllib.loads(text)
    expected.setdefault("tokens", {})[name] = dict(token)
    return proven(made, expected)


def without_token(text: str, name: str) -> str:
    """The file's text without its table `[tokens.NAME]`; a comment above it stays.

    Raises:
        CannotEdit: the table is written in a form in which its lines cannot be told apart.
    """
    header = re.compile(rf"\s*\[\s*tokens\s*\.\s*{name}\s*\]\s*(#.*)?\s*")
    lines = text.splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if header.fullmatch(line)), None)
    if at is None:
        raise CannotEdit
    end = next((i for i in range(at + 1, len(lines)) if _HEADER.match(lines[i])), len(lines))
    # What stands above the next table is its own.
    while end > at + 1 and _BLANK_OR_COMMENT.fullmatch(lines[end - 1]):
        end -= 1
    above, below = lines[:at], lines[end:]
    if above and not above[-1].strip() and not (below and below[0].strip()):
        above.pop()
    expected = tomllib.loads(text)
    del expected["tokens"][name]
    if not expected["tokens"]:
        del expected["tokens"]
    return proven("".join(above + below), expected)


def proven(made: str, expected: dict[str, Any]) -> str:
    """The made text, if it says what is expected and nothing else: the proof of the line work.

    Raises:
        CannotEdit: it does not.
    """
    try:
        if tomllib.loads(made) == expected:
            return made
    except tomllib.TOMLDecodeError:
        pass
    raise CannotEdit


def read_text(path: Path) -> str:
    """The text of a settings file, empty where there is none; a byte order mark is left out."""
    return path.read_text(encoding="utf-8-sig") if path.exists() else ""


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner can read.

    Raises:
        OSError: it could not be written; then what stood there before still does.
    """
    # Through a link, so that a file kept elsewhere stays the one that is used.
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # mkstemp makes the file with mode 0600 from the start.
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
