"""`order-skills demo`: a guided tour as a host over stdio, with a terminal, and over HTTP."""

import sys

import anyio

from order_skills.demo import host, terminal, webhooks
from order_skills.demo.tour import WIDTH, Tour


def run() -> int:
    """Print the tour; 0 when every step went as told."""
    return anyio.run(_run)


async def _run() -> int:
    tour = Tour()
    await host.show(tour)
    await terminal.show(tour)
    await webhooks.show(tour)
    print("-" * WIDTH)
    if tour.surprises:
        print("This did not go as told: " + "; ".join(tour.surprises), file=sys.stderr)
        return 1
    print("Try it with your own agent:   order-skills config claude-desktop")
    print("On your store:                order-skills init")
    return 0
