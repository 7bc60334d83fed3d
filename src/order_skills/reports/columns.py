"""PURE: text in columns, for terminals of any width.

Widths are in cells of the terminal: an East Asian character takes two, a combining one none.
That is an approximation; terminals themselves differ.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = "  "
CUT = "..."
# A name cut to less than this says nothing.
LEAST_NAME = 12


def cells(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, room: int) -> str:
    """The text, or its beginning and a mark, in at most so many cells."""
    if cells(text) <= room:
        return text
    kept, left = [], room - len(CUT)
    for char in text:
        left -= _cells(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + CUT


def wrapped(text: str, room: int, indent: str = "") -> list[str]:
    """The text in lines of at most so many cells, broken between words where that is possible."""
    lines, line = [], indent
    for word in text.split():
        added = word if line == indent else f" {word}"
        if cells(line + added) > room and line != indent:
            lines.append(line)
            line, added = indent, word
        line += added
    return [*lines, line] if line != indent else lines


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds numbers, and whether its text may be cut."""

    heading: str
    number: bool = False
    may_cut: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int, indent: str = GAP
) -> list[str]:
    """The rows in aligned columns under their headings; one fact a line where that is too wide."""
    widths = [
        max(cells(column.heading), *(cells(row[at]) for row in rows))
        for at, column in enumerate(columns)
    ]
    over = len(indent) + sum(widths) + len(GAP) * (len(columns) - 1) - room
    for at, column in enumerate(columns):
        if column.may_cut and over > 0:
            given = min(over, max(widths[at] - LEAST_NAME, 0))
            widths[at], over = widths[at] - given, over - given
    if over > 0:
        return [line for row in rows for line in _stacked(columns, row, room, indent)]
    heads = [column.heading for column in columns]
    return [_line(columns, row, widths, indent) for row in (heads, *rows)]


def _line(columns: Sequence[Column], row: Iterable[str], widths: Sequence[int], indent: str) -> str:
    parts = []
    for column, value, width in zip(columns, row, widths, strict=True):
        text = cut(value, width)
        space = " " * (width - cells(text))
        parts.append(space + text if column.number else text + space)
    return (indent + GAP.join(parts)).rstrip()


def _stacked(columns: Sequence[Column], row: Sequence[str], room: int, indent: str) -> list[str]:
    lines = wrapped(row[0], room, indent)
    for column, value in zip(columns[1:], row[1:], strict=True):
        lines += wrapped(f"{column.heading}: {value}", room, indent + GAP)
    return lines


def bar(whole: int, back: int, most: int, room: int) -> str:
    """A bar in plain characters: `#` for what was kept, `-` for what was given back.

    What is more than nothing shows at least one character.
    """
    if most <= 0 or whole <= 0:
        return ""
    length = max(1, whole * room // most)
    given = min(length, -(-back * length // whole)) if back > 0 else 0
    return "#" * (length - given) + "-" * given
