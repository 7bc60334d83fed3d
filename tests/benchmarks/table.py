"""Tables, for a terminal and for a page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, a head and rows of text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table as a page has it, under its title."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{body}\n"


# What this process has shown, for whoever writes it to a page afterwards.
SHOWN: list[Table] = []


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns under a title."""
    table = Table(title, tuple(head), tuple(tuple(str(cell) for cell in row) for row in rows))
    SHOWN.append(table)
    cells = [table.head, *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    print(title)
    for number, row in enumerate(cells):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
    print(flush=True)
