"""Write down every tool as hosts list it, for tests/test_server.py to compare with.

    python -m tests.snapshots

What a tool says of itself is read by every agent, so a change of it shall be seen in a review:
run this after an intended change and commit the files that it changed.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.support import SNAPSHOTS, open_door, snapshot


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_door(Path(folder) / "home") as door:
            tools = door.tools
    for old in SNAPSHOTS.glob("*.json"):
        old.unlink()
    for name, tool in tools.items():
        (SNAPSHOTS / f"{name}.json").write_text(snapshot(tool), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
