"""What list_orders remembers of orders that it read: few requests for the next question, no more.

The tests count what the store is asked: `details` are the orders that were read in full.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from order_skills.orders import Order
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.shop import Refund
from order_skills.tools import memory
from order_skills.tools.memory import Bought, Memory
from support import Door, Doors, two_stores

DETAILS = "/v1/orders/ord_"
KIM, LEE = "kim.canary@example.com", "lee.canary@example.com"
ROW = Order(
    order_id="ord_1",
    store="clawver",
    status="confirmed",
    status_raw="confirmed",
    payment_status="paid",
    payment_status_source="reported",
    currency="USD",
    total_minor=700,
    created_at="2026-11-21T10:00:00Z",
)
# Enough turns of the event loop for whatever is ready to happen.
TURNS = 300


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def shop_of(orders: int, *, era: str = "new") -> Sandbox:
    """A store with so many orders, one each hour; every tenth is Lee's, who buys a cap."""
    products = [
        {"id": "prod_cap", "name": "Cap", "type": "digital", "price_minor": 1800},
        {"id": "prod_zine", "name": "Field Zine", "type": "digital", "price_minor": 700},
    ]
    made = [
        {
            "id": f"ord_{number:04}",
            # The older revision refunds what is processed, and not what is delivered.
            "status": "processing",
            "hours_ago": number + 1,
            "customer": {"email": KIM if number % 10 else LEE},
            "items": [{"product_id": "prod_zine" if number % 10 else "prod_cap"}],
        }
        for number in range(orders)
    ]
    return Sandbox(era=era, data={"products": products, "orders": made})


@asynccontextmanager
async def remembering(
    door: Doors, box: Sandbox, **options: Any
) -> AsyncIterator[tuple[Door, Clock]]:
    """A door, and the clock of what it remembers."""
    async with door(box=box, **options) as opened:
        clock = Clock()
        for kept in memories(opened):
            kept.clock = clock
        yield opened, clock


def memories(door: Door) -> list[Memory]:
    """What is remembered of each store."""
    assert door.workspace is not None
    return [memory.of(store) for store in door.workspace.stores.values()]


def details(box: Sandbox) -> Counter[str]:
    """How often each order was read in full since this was asked last."""
    paths = [entry.path for entry in box.requests if entry.method == "GET"]
    box.requests.clear()
    return Counter(path.rpartition("/")[2] for path in paths if path.startswith(DETAILS))


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def refunded_elsewhere(box: Sandbox, order_id: str, amount: int) -> None:
    """The owner refunds an order in the store's own dashboard."""
    order = box.shop.orders[order_id]
    made = Refund(f"ref_{order_id}", amount, "Goodwill", "re_1", box.now())
    box.shop.put(replace(order, refunds=(*order.refunds, made)))


def ids(found: dict[str, Any]) -> list[str]:
    return [row["order_id"] for row in found["orders"]]


@pytest.mark.parametrize("revision", ["old", "new"])
async def test_the_second_question_reads_only_the_orders_that_it_shows(
    door: Doors, revision: str
) -> None:
    box = shop_of(60, era=revision)
    async with remembering(door, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE)
        assert len(details(box)) == 60
        assert "note" not in first
        again = await opened.answer("list_orders", customer_email=LEE)
        assert ids(again) == ids(first) == [f"ord_{n:04}" for n in range(0, 60, 10)]
        assert details(box) == Counter(ids(first))
        assert again["orders"] == first["orders"]
        assert again["searched"] == 60
        assert again["complete"] is True


async def test_a_question_about_another_customer_or_product_profits_as_well(door: Doors) -> None:
    box = shop_of(60)
    async with remembering(door, box) as (opened, _):
        await opened.answer("list_orders", customer_email="nobody@example.com")
        details(box)
        found = await opened.answer("list_orders", customer_email=LEE.upper(), product="cap")
        assert len(found["orders"]) == 6
        assert details(box) == Counter(ids(found))
        nothing = await opened.answer("list_orders", product="hoodie")
        assert nothing["orders"] == []
        assert details(box) == Counter()


async def test_an_answer_that_used_it_says_of_how_many_orders_and_how_old_it_is(
    door: Doors,
) -> None:
    box = shop_of(60)
    async with remembering(door, box) as (opened, clock):
        await opened.answer("list_orders", customer_email=LEE)
        for passed, told in ((1, 1), (60, 2), (130, 4), (108, 5)):
            clock.now += passed
            found = await opened.answer("list_orders", customer_email=LEE)
            told_of = f"54 orders were passed over as read up to {told} min ago"
            assert found["note"] == told_of
            assert found["complete"] is True


async def test_after_five_minutes_everything_is_read_again(door: Doors) -> None:
    box = shop_of(20)
    async with remembering(door, box) as (opened, clock):
        await opened.answer("list_orders", customer_email=LEE)
        details(box)
        clock.now += memory.MAX_AGE_SECONDS
        found = await opened.answer("list_orders", customer_email=LEE)
        assert sum(details(box).values()) == 20
        assert "note" not in found


async def test_being_asked_again_makes_nothing_younger(door: Doors) -> None:
    box = shop_of(20)
    async with remembering(door, box) as (opened, clock):
        await opened.answer("list_orders", customer_email=LEE)
        for _ in range(5):
            clock.now += memory.MAX_AGE_SECONDS / 5
            details(box)
            await opened.answer("list_orders", customer_email=LEE)
        assert sum(details(box).values()) == 20


@pytest.mark.parametrize("change", ["status", "refund", "total", "time"])
async def test_an_order_whose_row_says_anything_else_now_is_read_again(
    door: Doors, change: str
) -> None:
    box = shop_of(20)
    async with remembering(door, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE)
        details(box)
        order = box.shop.orders["ord_0005"]
        match change:
            case "status":
                box.shop.put(replace(order, status="shipped"))
            case "refund":
                refunded_elsewhere(box, order.id, 100)
            case "total":
                box.shop.put(replace(order, total_minor=order.total_minor + 1))
            case "time":
                later = order.created_at + timedelta(seconds=1)
                box.shop.put(replace(order, created_at=later))
        await opened.answer("list_orders", customer_email=LEE)
        assert details(box) == Counter([*ids(first), "ord_0005"])


async def test_what_is_shown_is_as_it_is_now_even_where_no_row_tells_it(door: Doors) -> None:
    """A row of the older revision does not say that a part was refunded."""
    box = shop_of(20, era="old")
    async with remembering(door, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE)
        assert [row["payment_status"] for row in first["orders"]] == ["paid", "paid"]
        refunded_elsewhere(box, "ord_0010", 100)
        again = await opened.answer("list_orders", customer_email=LEE)
        assert [row["payment_status"] for row in again["orders"]] == ["paid", "partially_refunded"]
        assert again["orders"][1]["refunded_minor"] == 100


async def test_money_is_never_remembered(door: Doors) -> None:
    box = shop_of(20, era="old")
    async with remembering(door, box) as (opened, _):
        await opened.answer("list_orders", payment_status="refunded")
        details(box)
        refunded_elsewhere(box, "ord_0005", 100)
        found = await opened.answer("list_orders", payment_status="partially_refunded")
        assert ids(found) == ["ord_0005"]
        assert sum(details(box).values()) == 20
        assert "note" not in found


async def test_the_daily_report_reads_its_orders_whatever_is_remembered(door: Doors) -> None:
    box = shop_of(30)
    async with remembering(door, box) as (opened, _):
        await opened.answer("list_orders", customer_email=LEE)
        details(box)
        report = await opened.answer("order_report")
        assert sum(details(box).values()) == report["orders"] == 23


async def test_get_order_and_check_refund_and_refunds_read_the_order_fresh(sending: Doors) -> None:
    box = shop_of(20, era="old")
    async with remembering(sending, box) as (opened, _):
        await opened.answer("list_orders", customer_email=LEE)
        refunded_elsewhere(box, "ord_0005", 100)
        details(box)
        order = await opened.answer("get_order", order_id="ord_0005")
        assert order["refunded_minor"] == 100
        assert details(box)["ord_0005"] == 1
        checked = await opened.answer("check_refund", order_id="ord_0005")
        assert checked["remaining_minor"] == 600
        assert details(box)["ord_0005"] == 1
        await opened.answer("refund_order", order_id="ord_0005", full=True, reason="Lost parcel")
        before = [entry.method for entry in box.requests].index("POST")
        assert box.requests[before - 1].path == f"{DETAILS}0005"
        assert opened.refunded("ord_0005") == 700


async def test_an_order_that_a_call_changed_is_forgotten(sending: Doors) -> None:
    """The older revision's row says the same after a part was refunded."""
    box = shop_of(20, era="old")
    async with remembering(sending, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE)
        await opened.answer("refund_order", order_id="ord_0005", amount_minor=100, reason="Late")
        details(box)
        await opened.answer("list_orders", customer_email=LEE)
        assert details(box) == Counter([*ids(first), "ord_0005"])


async def test_an_order_whose_refund_failed_is_forgotten_too(sending: Doors) -> None:
    box = shop_of(20, era="old")
    async with remembering(sending, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE)
        box.faults.add(Fault("status", code=409, method="POST", path=DETAILS))
        await opened.call("refund_order", order_id="ord_0005", amount_minor=100, reason="Late")
        assert opened.refunded("ord_0005") == 0
        details(box)
        await opened.answer("list_orders", customer_email=LEE)
        assert details(box) == Counter([*ids(first), "ord_0005"])


async def test_one_store_does_not_remember_for_another(door: Doors) -> None:
    box = shop_of(20)
    async with remembering(door, box, config=two_stores(box)) as (opened, _):
        await opened.answer("list_orders", store="east", customer_email=LEE)
        details(box)
        found = await opened.answer("list_orders", store="west", customer_email=LEE)
        assert sum(details(box).values()) == 20
        assert "note" not in found


async def test_a_new_process_remembers_nothing(door: Doors) -> None:
    box = shop_of(20)
    for _ in range(2):
        async with door(box=box) as opened:
            await opened.answer("list_orders", customer_email=LEE)
            assert sum(details(box).values()) == 20


async def test_what_is_saved_is_not_used_to_read_other_orders(door: Doors) -> None:
    box = shop_of(250, era="old")
    async with remembering(door, box) as (opened, _):
        first = await opened.answer("list_orders", customer_email=LEE, limit=100)
        assert sum(details(box).values()) == 200
        again = await opened.answer("list_orders", customer_email=LEE, limit=100)
        assert ids(again) == ids(first)
        assert again["next_cursor"] == first["next_cursor"]
        assert again["complete"] is False
        told = "200 orders were read in full or remembered, the most for one call"
        assert told in again["note"]
        assert details(box) == Counter(ids(first))


async def test_after_a_walk_the_next_customer_is_found_in_one_call(door: Doors) -> None:
    box = shop_of(450, era="old")
    async with remembering(door, box) as (opened, _):
        found: dict[str, Any] = {"next_cursor": None}
        given: dict[str, Any] = {"customer_email": "nobody@example.com"}
        while "next_cursor" in found:
            found = await opened.answer("list_orders", **given)
            given["cursor"] = found.get("next_cursor")
        assert sum(details(box).values()) == 450
        found = await opened.answer("list_orders", customer_email=LEE, limit=100)
        assert len(found["orders"]) == found["searched"] - 405 == 45
        assert found["complete"] is True
        assert sum(details(box).values()) == 45


@pytest.mark.parametrize(("bound", "most"), [("max_orders", 10), ("max_bytes", 10_000)])
async def test_it_is_bounded_in_orders_and_in_bytes(door: Doors, bound: str, most: int) -> None:
    box = shop_of(40)
    async with remembering(door, box) as (opened, _):
        (kept,) = memories(opened)
        setattr(kept, bound, most)
        await opened.answer("list_orders", customer_email=LEE)
        assert 8 <= len(kept) <= 12
        assert kept.size <= 10_000
        details(box)
        # The oldest orders were read last, so these are the ones that it still knows.
        since = (box.now() - timedelta(hours=33)).isoformat()
        older = {"customer_email": "nobody@example.com", "created_before": since}
        found = await opened.answer("list_orders", **older)
        assert "8 orders were passed over" in found["note"]
        assert details(box) == Counter()


async def test_two_questions_at_once_read_an_order_once(door: Doors) -> None:
    box = shop_of(40)
    hold = box.faults.add(Fault("hold", method="GET", path=f"{DETAILS}0003"))
    async with remembering(door, box) as (opened, _):
        asked = [f"{name}@example.com" for name in ("nobody", "nemo")]
        calls = [
            asyncio.create_task(opened.answer("list_orders", customer_email=who)) for who in asked
        ]
        await hold.reached()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        hold.release()
        found = await asyncio.gather(*calls)
        assert all(each["complete"] and each["searched"] == 40 for each in found)
        assert set(details(box).values()) == {1}


async def test_what_two_questions_both_look_for_each_of_them_reads_itself(door: Doors) -> None:
    box = shop_of(8)
    hold = box.faults.add(Fault("hold", method="GET", path=f"{DETAILS}0000"))
    async with remembering(door, box) as (opened, _):
        calls = [
            asyncio.create_task(opened.answer("list_orders", customer_email=LEE)) for _ in range(2)
        ]
        await hold.reached()
        hold.release()
        await asyncio.gather(*calls)
        assert details(box)["ord_0000"] == 2


async def test_whoever_waits_for_a_reading_that_fails_reads_itself(door: Doors) -> None:
    box = shop_of(8)
    hold = box.faults.add(Fault("hold", method="GET", path=f"{DETAILS}0000"))
    box.faults.add(Fault("malformed", what="html", path=f"{DETAILS}0000"))
    async with remembering(door, box) as (opened, _):
        calls = [
            asyncio.create_task(opened.answer("list_orders", customer_email=LEE)) for _ in range(2)
        ]
        await hold.reached()
        hold.release()
        found = await asyncio.gather(*calls)
    assert sorted(len(each["orders"]) for each in found) == [0, 1]
    assert sorted(each["complete"] for each in found) == [False, True]


async def test_whoever_waits_for_a_reading_that_is_given_up_goes_on() -> None:
    kept = Memory()
    began = anyio.Event()

    async def given_up() -> None:
        async with kept.reading(ROW):
            began.set()
            await anyio.sleep_forever()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(given_up)
            await began.wait()
            tasks.cancel_scope.cancel()
        async with kept.reading(ROW) as keep:
            keep(ROW)
    assert len(kept) == 1


async def test_a_reading_that_shows_another_order_than_its_row_is_not_kept() -> None:
    """The order changed between its row and its reading: they are not of one moment."""
    kept = Memory()
    async with kept.reading(ROW) as keep:
        keep(ROW.model_copy(update={"status": "shipped", "status_raw": "shipped"}))
    assert kept.recall(ROW) is None


async def test_what_is_too_old_is_let_go_at_the_next_question_about_anybody(door: Doors) -> None:
    box = shop_of(20)
    async with remembering(door, box) as (opened, clock):
        (kept,) = memories(opened)
        await opened.answer("list_orders", customer_email=LEE)
        assert len(kept) == 20
        clock.now += memory.MAX_AGE_SECONDS
        await opened.answer("list_orders", product="cap", limit=1)
        assert len(kept) <= 8
        assert kept.size < 8 * 2_000


async def test_a_reading_is_as_old_as_its_beginning_however_long_it_took() -> None:
    clock = Clock()
    kept = Memory(clock)
    quick = ROW.model_copy(update={"order_id": "ord_2"})
    async with kept.reading(ROW) as keep:
        clock.now += 20
        async with kept.reading(quick) as keep_quick:
            keep_quick(quick)
        keep(ROW)
    clock.now += memory.MAX_AGE_SECONDS - 20
    assert kept.recall(ROW) is None
    assert kept.recall(quick) == (Bought(None, ()), memory.MAX_AGE_SECONDS - 20)


async def test_customers_are_remembered_nowhere_but_in_memory(
    door: Doors, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = shop_of(20)
    async with remembering(door, box) as (opened, _):
        await opened.answer("list_orders", customer_email="nobody@example.com")
        await opened.answer("list_orders", customer_email=LEE)
        (kept,) = memories(opened)
        assert len(kept) == 20
        assert "canary" not in repr(kept) + repr(Bought(LEE, ((None, "canary"),)))
    ours = [record for record in caplog.records if record.name.startswith("order_skills")]
    assert not [record for record in ours if "canary" in record.getMessage()]
    assert not [path for path in files_below(home) if b"canary" in path.read_bytes()]
