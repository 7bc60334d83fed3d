"""The first part of the tour: a host starts `serve --sandbox`, as Claude Desktop would.

The person who approves a refund is played by the tour, which types what the form asks for.
"""

import sys
import tempfile

from mcp.client import Client, ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ElicitRequestParams, ElicitResult

from order_skills.demo.tour import Tour


async def show(tour: Tour) -> None:
    """Start the server and walk through its tools."""
    with tempfile.TemporaryDirectory(prefix="order-skills-demo-") as home:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "order_skills", "serve", "--sandbox"],
            env={"ORDER_SKILLS_HOME": home},
        )
        async with Client(stdio_client(server), elicitation_callback=_person) as client:
            await _steps(tour, client)


async def _steps(tour: Tour, client: Client) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    print("order-skills serves these tools on its embedded store (no key, no network):")
    print("  " + ", ".join(names) + "\n")

    await tour.call(client, "Find what a customer bought", "list_orders", limit=5)
    await tour.call(client, "Read one order", "get_order", order_id="ord_1001")
    await tour.call(
        client,
        "A refund of more than was paid is refused before anything is sent",
        "refund_order",
        expect="EXCEEDS_REMAINING",
        order_id="ord_1001",
        amount_minor=9900,
        reason="customer is unhappy",
    )
    refund = {"order_id": "ord_1001", "amount_minor": 500, "reason": "parcel came late"}
    first = await tour.call(
        client,
        "A refund that is allowed asks a person first, in a form of the host",
        "refund_order",
        expect="refunded",
        **refund,
    )
    again = await tour.call(
        client,
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
        client,
        "The same amount in other words: stopped as a possible duplicate",
        "refund_order",
        expect="POSSIBLE_DUPLICATE",
        order_id="ord_1001",
        amount_minor=500,
        reason="late delivery",
    )
    await tour.call(client, "A new download link", "resend_download", order_id="ord_1002")
    await tour.call(
        client,
        "The wrong size came: what now?",
        "wrong_size_playbook",
        order_id="ord_1001",
        wanted_size="L",
    )
    await tour.call(client, "The daily check", "order_report")


async def _person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """The person at the host, who reads the form and types the amount as it shows it."""
    print("   The host shows a form:")
    for line in params.message.splitlines():
        print(f"   |  {line}")
    typed = params.message.rpartition(": ")[2].strip()
    print(f"   |  The person types: {typed}\n")
    return ElicitResult(action="accept", content={"amount": typed})
