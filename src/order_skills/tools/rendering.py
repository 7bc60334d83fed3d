"""An answer as text: the same facts as its structure, in fewer tokens.

Fields stand as `name: value`, a list of objects as a table with one heading: what all rows say
alike stands there once, and what few of them say stands with its name behind the row. An amount
keeps its minor units and gains the form that people read: `total_minor: 2499 (24.99 USD)`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from order_skills import money

_INDENT = "  "
# What a heading can say for all rows: one plain word.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
# A column that one of so many rows fills costs more than its name there; what fewer rows have
# in common is no shorter in the heading.
_FEW = 3
_NESTED = (dict, list)


def render(answer: Mapping[str, Any]) -> str:
    """The text of an answer."""
    return "\n".join(_lines(answer, answer.get("currency"), 0))


def _lines(fields: Mapping[str, Any], currency: str | None, depth: int) -> list[str]:
    lines = []
    pad = _INDENT * depth
    for name, value in fields.items():
        if isinstance(value, dict):
            lines.append(f"{pad}{name}:" if value else f"{pad}{name}: none")
            lines += _lines(value, value.get("currency", currency), depth + 1)
        elif not isinstance(value, list):
            lines.append(_line(pad, name, _scalar(name, value, currency)))
        elif value and isinstance(value[0], dict):
            lines += _table(name, value, currency, depth)
        elif any(" " in str(entry) for entry in value):
            lines.append(f"{pad}{name}:")
            lines += [f"{pad}- {_plain(entry)}" for entry in value]
        else:
            lines.append(_line(pad, name, ", ".join(map(_plain, value)) or "none"))
    return lines


def _line(pad: str, name: str, shown: str) -> str:
    if "\n" in shown:
        # Deeper than any field here, so that a line of a value reads as no other field.
        shown = shown.replace("\n", f"\n{pad}{_INDENT * 2}")
    return f"{pad}{name}: {shown}"


def _table(
    name: str, rows: Sequence[Mapping[str, Any]], currency: str | None, depth: int
) -> list[str]:
    pad = _INDENT * depth
    if any(isinstance(cell, _NESTED) for row in rows for cell in row.values()):
        lines = [f"{pad}{name}:"]
        for row in rows:
            inner = _lines(row, row.get("currency", currency), depth + 1)
            # A dash in place of the indent marks where an entry begins.
            inner[0] = f"{pad}- {inner[0].lstrip()}"
            lines += inner
        return lines
    # How many rows have a column, in the order in which they were first seen.
    counts = Counter(column for row in rows for column in row)
    alike = [n for n in counts if len(rows) >= _FEW and _alike([row.get(n) for row in rows])]
    few = [n for n, count in counts.items() if count * _FEW <= len(rows)]
    columns = [n for n in counts if n not in alike and n not in few] or list(counts)[:1]
    each = "".join(f"; {n}: {_plain(rows[0][n])}" for n in alike if n not in columns)
    named = [n for n in few if n not in columns]
    # Without spaces: beside digits each would be a token.
    lines = [f"{pad}{name} ({'|'.join(columns)}{each}):"]
    for row in rows:
        cells = [_cell(row.get(column)) for column in columns]
        cells += [f"{n}: {_cell(row[n])}" for n in named if n in row]
        lines.append(pad + "|".join(cells))
    return lines


def _alike(cells: Sequence[Any]) -> bool:
    """Whether all rows say the same, in a word that cannot be taken for anything else."""
    first, kind = cells[0], type(cells[0])
    if any(cell != first or type(cell) is not kind for cell in cells):
        return False
    return first is not None and _WORD.fullmatch(_plain(first)) is not None


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    # A bar or a newline inside a cell would be read as the next cell or row.
    return _plain(value).replace("|", "/").replace("\n", " ")


def _scalar(name: str, value: Any, currency: str | None) -> str:
    if name.endswith("_minor") and currency and type(value) is int:
        return f"{value} ({money.shown(value, currency)})"
    return _plain(value)


def _plain(value: Any) -> str:
    if value is True:
        return "yes"
    return "no" if value is False else str(value)
