"""Putting a key into config.toml without touching anything else that stands there."""

import json
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

_NEW_FILE = "# Settings of order-skills. It holds a key: keep it readable by yourself alone.\n"
_OURS = re.compile(r"\s*(key|key_file|store_id|url)\s*=")
_HEADER = re.compile(r"\s*\[")


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
    header = re.compile(rf"\s*\[\s*stores\s*\.\s*{platform}\s*\]\s*(#.*)?")
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
    if not _changes_only(text, made, platform, values):
        raise CannotEdit
    return made


def _changes_only(old: str, new: str, platform: str, values: dict[str, str | None]) -> bool:
    """Whether the two texts say the same but for these values: the proof of the line work."""
    expected: dict[str, Any] = tomllib.loads(old)
    table = expected.setdefault("stores", {}).setdefault(platform, {"platform": platform})
    table.pop("key_file", None)
    for name, value in values.items():
        table.pop(name, None)
        if value is not None:
            table[name] = value
    try:
        return tomllib.loads(new) == expected
    except tomllib.TOMLDecodeError:
        return False


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
