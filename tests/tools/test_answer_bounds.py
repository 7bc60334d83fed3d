"""No answer is more than 8,000 tokens, whatever a shop holds, and what is left out is named.

The shops here are hostile in size: each text is as long as it can be, in letters of which each
is several tokens, or in ordinary words, and there are as many of each thing as a list can have.
"""

import json
import random
import string
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult, TextResourceContents

from order_skills.sandbox import Fault, Sandbox
from order_skills.tools.bounds import MAX_TOKENS, at_most
from order_skills.webhooks.events import Event
from support import Door, open_door, text_of

# Of each of these, texts are made: a word of a language, and what costs the most to a model.
ALPHABETS = {
    "words": ["the", "large", "blue", "winter", "jacket", "of", "our", "own", "workshop"],
    "consonants": ["qxzj", "kvwx", "zkq", " "],
    "ideographs": [chr(c) for c in range(0x4E00, 0x9FFF, 37)],
    "rare": [chr(c) for c in range(0x20000, 0x2A6DF, 97)],
}
SHOWN = {"ORDER_SKILLS_PERSONAL_DATA": "shown"}


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        # It opens its vocabulary by an older way.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return bpe_openai.get_encoding("o200k_base")


def tokens(value: object) -> int:
    """Tokens (o200k) of a text, or of anything else as the compact JSON that a host is sent."""
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(_encoding().encode(value))


def measured(result: CallToolResult) -> Mapping[str, Any]:
    """The structure of an answer that is short enough in both of its forms."""
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    assert tokens(text_of(result)) <= MAX_TOKENS
    assert tokens(result.structured_content) <= MAX_TOKENS
    return result.structured_content


class Writer:
    """Makes texts of one alphabet, all of them different."""

    def __init__(self, alphabet: str) -> None:
        self._letters = ALPHABETS[alphabet]
        self._space = " " if alphabet == "words" else ""
        self._random = random.Random(f"{alphabet}")

    def text(self, length: int) -> str:
        """A text of so many characters."""
        made = ""
        while len(made) < length:
            made += self._random.choice(self._letters) + self._space
        return made[:length].strip()

    def id(self, head: str) -> str:
        """The longest id there is."""
        rest = self._random.choices(string.ascii_letters + string.digits, k=127 - len(head))
        return f"{head}_{''.join(rest)}"


# The shortest and the longest to a model; what is between them is measured below.
@pytest.fixture(params=("words", "rare"))
def writer(request: pytest.FixtureRequest) -> Writer:
    return Writer(request.param)


def order(order_id: str, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """An order for a shop's data."""
    return {
        "id": order_id,
        "status": "delivered",
        "hours_ago": 2,
        "customer": {"email": "kim@example.com"},
        "items": items,
        **more,
    }


def shop(*orders: dict[str, Any], variants: int = 0, writer: Writer | None = None) -> Sandbox:
    """A store of these orders, of one product with variants and one that is a file."""
    made = writer or Writer("words")
    shirt = {
        "id": "shirt",
        "name": made.text(256),
        "type": "print_on_demand",
        "price_minor": 2_000,
        "variants": [
            {
                "id": made.id("v"),
                "name": made.text(256),
                "provider_id": str(n),
                "size": made.text(64),
                "in_stock": True,
            }
            for n in range(variants)
        ],
    }
    file = {"id": "file", "name": "File", "type": "digital", "price_minor": 500}
    data = {"products": [shirt, file], "orders": list(orders)}
    return Sandbox(era="new", data=data, options={"rows": "full"})


def lines(writer: Writer, count: int, product: str = "shirt") -> list[dict[str, Any]]:
    """Items whose every field is as long as it can be."""
    return [
        {"product_id": product, "id": writer.id("i"), "name": writer.text(256)}
        for _ in range(count)
    ]


# --- lists ----------------------------------------------------------------------------------


async def test_a_list_stops_where_the_answer_is_full_and_goes_on_without_a_gap(
    home: Path, writer: Writer
) -> None:
    ids = [writer.id("o") for _ in range(120)]
    box = shop(*(order(i, lines(writer, 2), hours_ago=n) for n, i in enumerate(ids)))
    async with open_door(home, box=box) as door:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            found = measured(await door.call("list_orders", limit=100, **cursor))
            seen += [row["order_id"] for row in found["orders"]]
            if "next_cursor" not in found:
                break
            assert found["complete"] is False
            assert "an answer holds no more" in found["note"] or "limit" in found["note"]
            cursor = {"cursor": found["next_cursor"]}
    # The store itself shows no more than its newest hundred.
    assert seen == ids[:100]


async def test_a_hundred_ordinary_orders_fit_into_one_list(home: Path) -> None:
    orders = [order(f"ord_{n}", [{"product_id": "file"}], hours_ago=n) for n in range(1_000, 1_120)]
    async with open_door(home, box=shop(*orders)) as door:
        found = measured(await door.call("list_orders", limit=100))
    assert len(found["orders"]) == 100


async def test_rows_are_small(home: Path) -> None:
    box = Sandbox(era="new", options={"rows": "full"})
    async with open_door(home, box=box) as door:
        result = await door.call("list_orders", limit=20)
    rows = measured(result)["orders"]
    assert len(rows) == 20
    ends = text_of(result).index("\nnext_cursor")
    assert tokens(text_of(result)[:ends]) <= 20 * 40
    assert tokens(rows) <= 20 * 60


# --- one order ------------------------------------------------------------------------------


async def all_items(door: Door, order_id: str) -> Iterator[str]:
    """Every item of an order, as an agent that follows the notes reads them."""
    seen: list[str] = []
    more: dict[str, str] = {}
    while True:
        found = measured(await door.call("get_order", order_id=order_id, **more))
        assert found["items"]
        seen += [item["item_id"] for item in found["items"]]
        if "note" not in found:
            return iter(seen)
        last = found["items"][-1]["item_id"]
        assert f'get_order(order_id="{order_id}", items_after="{last}")' in found["note"]
        more = {"items_after": last}


async def test_all_items_of_a_long_order_can_be_read(home: Path, writer: Writer) -> None:
    items = lines(writer, 60)
    async with open_door(home, box=shop(order("ord_1", items))) as door:
        assert list(await all_items(door, "ord_1")) == [item["id"] for item in items]
        refused = await door.error("get_order", order_id="ord_1", items_after="item_0")
    assert refused.startswith("ITEM_NOT_FOUND: ")


async def test_an_order_of_five_hundred_items_says_how_many_more_there_are(home: Path) -> None:
    items = [{"product_id": "shirt", "name": f"Shirt number {n}"} for n in range(500)]
    async with open_door(home, box=shop(order("ord_1", items))) as door:
        found = measured(await door.call("get_order", order_id="ord_1"))
    shown = len(found["items"])
    assert 50 < shown < 500
    assert found["note"].startswith(f"{500 - shown} more of items are left out: get_order(")
    assert found["total_minor"] == 500 * 2_000


async def test_a_resource_of_an_order_is_no_longer_than_the_tools_answer(
    home: Path, writer: Writer
) -> None:
    async with open_door(home, box=shop(order("ord_1", lines(writer, 300)))) as door:
        (held,) = (await door.client.read_resource("orders://ord_1")).contents
    assert isinstance(held, TextResourceContents)
    assert tokens(held.text) <= MAX_TOKENS
    assert "items_after=" in json.loads(held.text)["note"]


async def test_what_a_store_adds_to_an_order_is_bounded(home: Path, writer: Writer) -> None:
    address = {writer.text(60) + str(n): writer.text(256) for n in range(12)}
    refunds = [
        {"id": writer.id("r"), "amount_minor": 1, "reason": writer.text(256)} for _ in range(400)
    ]
    link = "https://parcels.example/" + "qXzJ9" * 700
    tracking = {"carrier": writer.text(256), "number": writer.text(256), "url": link}
    made = order(
        "ord_1", lines(writer, 40), shipping_address=address, refunds=refunds, tracking=tracking
    )
    async with open_door(home, box=shop(made), **SHOWN) as door:
        found = measured(await door.call("get_order", order_id="ord_1"))
        checked = measured(await door.call("check_refund", order_id="ord_1"))
    assert found["refunded_minor"] == 400
    assert found["tracking"]["url"] == link
    assert len(found["items"]) >= 1
    left_out = 400 - len(found["refunds"])
    assert f"{left_out} more of refunds are left out" in found["note"]
    left_out = 400 - len(checked["earlier_refunds"])
    assert f"{left_out} more of earlier_refunds are left out" in checked["note"]
    assert checked["remaining_minor"] == 40 * 2_000 - 400


async def test_a_changed_order_is_bounded_too(home: Path) -> None:
    box = Sandbox(platform="vesuviopay")
    target = next(o for o in box.shop.newest_first() if o.status == "confirmed")
    wire = box.dialect.wire.detail(target)
    row = wire["items"][0]
    items = [{**row, "id": f"i{n}", "product": {"name": "Shirt " * 40}} for n in range(500)]
    box.faults.add(
        Fault("edit", path=f"/api/v1/orders/{target.id}", times=None, set={"data.items": items})
    )
    async with open_door(home, box=box) as door:
        found = measured(
            await door.call("update_order_status", order_id=target.id, status="processing")
        )
    shown = len(found["order"]["items"])
    assert f"{500 - shown} more of order.items are left out: get_order(" in found["note"]


# --- the other tools ------------------------------------------------------------------------


async def test_a_playbook_over_a_thousand_variants_is_bounded(home: Path, writer: Writer) -> None:
    items = lines(writer, 30)
    box = shop(order("ord_1", items), variants=1_000, writer=writer)
    async with open_door(home, box=box) as door:
        found = measured(await door.call("wrong_size_playbook", order_id="ord_1"))
        one = measured(
            await door.call("wrong_size_playbook", order_id="ord_1", item_id=items[7]["id"])
        )
    assert "more items of the order come in sizes" in found["note"]
    assert [item["item_id"] for item in one["items"]] == [items[7]["id"]]
    assert "are left out" in one["items"][0]["note"]


async def test_download_links_are_made_for_so_many_at_once(home: Path, writer: Writer) -> None:
    items = lines(writer, 60, "file")
    box = shop(order("ord_1", items))
    async with open_door(home, box=box) as door:
        found = measured(await door.call("resend_download", order_id="ord_1"))
        customers = measured(
            await door.call("resend_download", order_id="ord_1", audience="customer")
        )
        receipt = measured(await door.call("get_receipt", checkout_id="chk_ord_1"))
    assert box.request_count("GET", "/v1/orders/ord_1/download") == 20
    for answer in (found, customers):
        assert "40 more items were not asked for" in answer["note"]
    assert f"{60 - len(receipt['items'])} more of items are left out" in receipt["note"]


async def test_a_report_names_only_so_much_and_counts_the_rest(home: Path, writer: Writer) -> None:
    orders = [
        order(writer.id("o"), lines(writer, 2), status="pending", hours_ago=30 + n / 100)
        for n in range(90)
    ]
    orders += [order(f"odd_{n}", lines(writer, 1), status="shipped") for n in range(90)]
    async with open_door(home, box=shop(*orders)) as door:
        found = measured(await door.call("order_report", created_after="2001-01-01"))
    assert found["orders"] == 180
    named = len(found["needs_attention"])
    assert 1 <= named <= 60
    assert f"{180 - named} more orders need attention" in found["note"]


async def test_events_and_webhooks_are_bounded(home: Path, writer: Writer) -> None:
    box = shop(order("ord_1", lines(writer, 1)))
    config = (
        f'[stores.clawver]\nplatform = "clawver"\nkey = "{box.api_key}"\n'
        'webhook_hosts = ["hooks.example.com"]\n'
    )
    links = [f"https://hooks.example.com/{'qXzJ9' * 300}{n}" for n in range(50)]
    rows = [
        {"id": f"wh_{n}", "url": url, "events": [writer.text(60)] * 40}
        for n, url in enumerate(links)
    ]
    box.faults.add(Fault("edit", path="/v1/webhooks", times=None, set={"data.webhooks": rows}))
    async with open_door(home, box=box, config=config) as door:
        assert door.workspace is not None
        for n in range(110):
            event = Event(f"key_{n}", writer.text(60), writer.id("o"), "2026-11-21T10:30:00Z")
            await door.workspace.mailroom.keep("clawver", event)
        events = measured(await door.call("recent_events", limit=100))
        webhooks = measured(await door.call("list_webhooks"))
    assert f"{100 - len(events['events'])} more of events are left out" in events["note"]
    assert f"{50 - len(webhooks['webhooks'])} more of webhooks are left out" in webhooks["note"]


# --- how tokens are bounded without a model's table ----------------------------------------------


def test_no_text_is_more_tokens_than_it_is_bounded_to() -> None:
    chosen = random.Random(7)
    pools = [
        string.ascii_lowercase,
        string.ascii_uppercase,
        string.ascii_letters + string.digits + "-_",
        "qxzjkvw",
        "1 ",
        "- ",
        "\n x",
        string.punctuation,
        *("".join(chr(c) for c in range(*ends)) for ends in ((0xA1, 0x17F), (0x400, 0x45F))),
        *("".join(map(str, letters)) for letters in ALPHABETS.values()),
        "".join(chr(c) for c in range(0x1F300, 0x1FAFF)),
    ]
    for pool in pools:
        for _ in range(150):
            made = "".join(chosen.choices(pool, k=chosen.choice((12, 60, 250))))
            assert tokens(made) <= at_most(made), made
            assert tokens({"reason": made}) <= at_most({"reason": made}), made


# --- prompts and pages ----------------------------------------------------------------------


async def test_prompts_and_pages_are_bounded(home: Path) -> None:
    longest = {
        "order_id": "o" * 128,
        "customer_email": f"{'k' * 60}@{'e' * 60}.example.com",
        "item_id": "i" * 128,
        "wanted_size": "X" * 64,
        "created_after": "2026-11-21T10:30:00Z",
    }
    async with open_door(home, box=shop(order("ord_1", lines(Writer("words"), 1)))) as door:
        for prompt in (await door.client.list_prompts()).prompts:
            taken = {argument.name for argument in prompt.arguments or ()}
            given = {name: value for name, value in longest.items() if name in taken}
            shown = await door.client.get_prompt(prompt.name, given)
            assert 0 < tokens(shown.model_dump_json()) <= MAX_TOKENS
        for resource in (await door.client.list_resources()).resources:
            (page,) = (await door.client.read_resource(resource.uri)).contents
            assert isinstance(page, TextResourceContents)
            assert 0 < tokens(page.text) <= MAX_TOKENS
