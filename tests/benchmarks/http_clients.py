"""What a request costs in the HTTP client that we use, and in the one that it goes on from.

    python -m tests.benchmarks.http_clients [--requests 2000]

Milliseconds of the processor for a request, one after the other and with sixteen at once, to an
embedded store in a process of its own. Some ten seconds.
"""

import argparse
import asyncio
import importlib
import sys
import time
from typing import Any

from tests.benchmarks import page, places
from tests.benchmarks.table import show

CLIENTS = ("httpx", "httpx2")
AT_ONCE = (1, 16)


async def cost(name: str, at_once: int, requests: int, place: places.StorePlace) -> float:
    """Milliseconds of this process for a request, without the store's own."""
    library: Any = importlib.import_module(name)
    url = f"{place.url}/v1/orders/{places.order_id(0)}"
    headers = {"Authorization": f"Bearer {place.key}"}

    async with library.AsyncClient(trust_env=False, headers=headers) as client:

        async def several(count: int) -> None:
            for _ in range(count):
                answer = await client.get(url, timeout=places.PATIENCE_SECONDS)
                answer.raise_for_status()

        # The first ones open the connections.
        await asyncio.gather(*(several(3) for _ in range(at_once)))
        began = time.process_time()
        await asyncio.gather(*(several(requests // at_once) for _ in range(at_once)))
        return (time.process_time() - began) * 1000 / (requests // at_once * at_once)


async def measure(requests: int) -> None:
    """Measure both and print the table."""
    async with places.store(10) as place:
        rows = [
            [name, *[f"{await cost(name, count, requests, place):.2f}" for count in AT_ONCE]]
            for name in CLIENTS
        ]
    head = ["client", *(f"{count} at once, ms of CPU" for count in AT_ONCE)]
    show("a request, by the HTTP client", head, rows)


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure what a request costs in an HTTP client.")
    parser.add_argument("--requests", type=int, default=2_000, help="of each measurement")
    told = parser.parse_args()
    print(f"{page.machine()}\n")
    asyncio.run(measure(told.requests))
    return 0


if __name__ == "__main__":
    sys.exit(main())
