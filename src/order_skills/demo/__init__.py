"""`order-skills demo`: a guided tour as a host over stdio, with a terminal, and over HTTP."""

import sys

import anyio

from order_skills.demo import host, terminal, webhooks
from order_skills.demo.tour import WIDTH, Tour


def run(command: str) -> int:
    """Print the tour; 0 when every step went as told. `command`: how this command is typed."""
    return anyio.run(_run, command)


async def _run(command: str) -> int:
    tour = Tour()
    await host.show(tour)
    await terminal.show(tour)
    await webhooks.show(tour)
    print("-" * WIDTH)
    if tour.surprises:
        print("This did not go as told: " + "; ".join(tour.surprises), file=sys.stderr)
        return 1
    print(f"Try it with your own agent:   {command} config claude-desktop")
    print(f"On your store:                {command} init")
    return 0
