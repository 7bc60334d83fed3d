"""Writes what was measured between two markers of a page, so that no figure is typed by hand."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from order_skills import __version__
from tests.benchmarks import places
from tests.benchmarks.table import Table


def machine() -> str:
    """What it was measured on, in one line; it begins with how busy the machine was already."""
    busy = f"load {os.getloadavg()[0]:.1f} before, " if hasattr(os, "getloadavg") else ""
    told = (
        f"{busy}{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, order-skills {__version__}, mcp {version('mcp')}"
    )
    if not places.is_there(places.OPENAPI):
        return told
    asking = "from importlib.metadata import version; print(version('fastmcp'))"
    command = [places.COMMANDS[places.OPENAPI][0], "-c", asking]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"{told}, fastmcp {found.stdout.strip()}"


def write(page: Path, block: str, measured_on: str, tables: Sequence[Table]) -> None:
    """Put these tables between `<!-- BLOCK -->` and `<!-- end of BLOCK -->` of the page.

    Raises:
        ValueError: the page lacks the markers.
    """
    first, last = f"<!-- {block} -->\n", f"<!-- end of {block} -->"
    text = page.read_text(encoding="utf-8")
    before, begun, rest = text.partition(first)
    _, ended, after = rest.partition(last)
    if not begun or not ended:
        raise ValueError(f"{page}: the markers of {block} are not there")
    body = "\n".join([f"Measured on: {measured_on}.\n", *(table.markdown() for table in tables)])
    page.write_text(f"{before}{first}\n{body}\n{last}{after}", encoding="utf-8")
