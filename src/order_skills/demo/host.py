"""The guided tour: a host starts `serve --sandbox`, and every call and answer is printed.

It talks MCP over real standard input and output to a real subprocess, as Claude Desktop would;
the person who approves a refund is played by the tour, which types what the form asks for.
"""

import sys
import tempfile
from typing import Any

import anyio
from mcp.client import Client, ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

WIDTH = 96


def run() -> int:
    """Print the tour; 0 when every step went as told."""
    return anyio.run(_tour)


async def _tour() -> int:
    with tempfile.TemporaryDirectory(prefix="order-skills-demo-") as home:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "order_skills", "serve", "--sandbox"],
            env={"ORDER_SKILLS_HOME": home},
        )
        async with Client(stdio_client(server), elicitation_callback=_person) as client:
            tour = _Tour(client)
            await _steps(tour)
    return tour.ended()


async def _steps(tour: "_Tour") -> None:
    names = [tool.name for tool in (await tour.client.list_tools()).tools]
    print("order-skills serves these tools on its embedded store (no key, no network):")
    print("  " + ", ".join(names) + "\n")

    await tour.call("Find what a customer bought", "list_orders", limit=5)
    await tour.call("Read one order", "get_order", order_id="ord_1001")
    await tour.call(
        "A refund of more than was paid is refused before anything is sent",
        "refund_order",
        expect="EXCEEDS_REMAINING",
        order_id="ord_1001",
        amount_minor=9900,
        reason="customer is unhappy",
    )
    refund = {"order_id": "ord_1001", "amount_minor": 500, "reason": "parcel came late"}
    first = await tour.call(
        "A refund that is allowed asks a person first, in a form of the host",
        "refund_order",
        expect="refunded",
        **refund,
    )
    again = await tour.call(
        "The same call again, as agents do when they are unsure: nothing moves",
        "refund_order",
        expect="refunded",
        **refund,
    )
    tour.check(
        again.get("already_done") is True and again.get("refund_id") == first.get("refund_id"),
        "the second call answers with the first refund",
    )
    await tour.call(
        "The same amount in other words: stopped as a possible duplicate",
        "refund_order",
        expect="POSSIBLE_DUPLICATE",
        order_id="ord_1001",
        amount_minor=500,
        reason="late delivery",
    )
    await tour.call("A new download link", "resend_download", order_id="ord_1002")
    await tour.call(
        "The wrong size came: what now?",
        "wrong_size_playbook",
        order_id="ord_1001",
        wanted_size="L",
    )
    await tour.call("The daily check", "order_report")


async def _person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """The person at the host, who reads the form and types the amount as it shows it."""
    print("   The host shows a form:")
    for line in params.message.splitlines():
        print(f"   |  {line}")
    typed = params.message.rpartition(": ")[2].strip()
    print(f"   |  The person types: {typed}\n")
    return ElicitResult(action="accept", content={"amount": typed})


class _Tour:
    def __init__(self, client: Client) -> None:
        self.client = client
        self._number = 0
        self._surprises: list[str] = []

    async def call(
        self, heading: str, tool: str, expect: str | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Make a call and print it; `expect`: the error code or outcome that the tour tells of."""
        self._number += 1
        print("-" * WIDTH)
        print(f"{self._number}. {heading}\n")
        given = ", ".join(f"{name}={_literal(value)}" for name, value in arguments.items())
        print(f"   {tool}({given})\n")
        result = await self.client.call_tool(tool, arguments)
        text = _text(result)
        for line in text.splitlines():
            print(f"   {line}")
        print()
        found = result.structured_content or {}
        outcome = text.partition(":")[0] if result.is_error else found.get("outcome")
        self.check(outcome == expect, f"step {self._number} ends as {expect}")
        return found

    def check(self, as_told: bool, what: str) -> None:
        """Note what did not go as the tour tells."""
        if not as_told:
            self._surprises.append(what)

    def ended(self) -> int:
        """Say how it went; the exit code."""
        print("-" * WIDTH)
        if self._surprises:
            print("This did not go as told: " + "; ".join(self._surprises), file=sys.stderr)
            return 1
        print("Try it with your own agent:   order-skills config claude-desktop")
        print("On your store:                order-skills init")
        return 0


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
