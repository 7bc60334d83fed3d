"""`order-skills`, which tells on SIGUSR1 which tasks its event loop has: for the soak."""

import asyncio
import json
import signal
import sys
from types import FrameType

from order_skills.cli import main


def tell(number: int, frame: FrameType | None) -> None:
    """Write the tasks' coroutines to standard error; nothing before the loop runs."""
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return
    names = sorted(getattr(task.get_coro(), "__qualname__", "?") for task in tasks)
    print(f"tasks: {json.dumps(names)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    sys.exit(main())
