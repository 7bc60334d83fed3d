"""order_report: a period's orders counted and summed, compared with what the shop itself holds."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.shop import Order
from support import Doors, edited, open_door

DAY = timedelta(days=1)


def within(box: Sandbox, after: datetime, before: datetime) -> list[Order]:
    return [o for o in box.shop.newest_first() if after <= o.created_at < before]


def one_day(hours_ago: float, **more: Any) -> dict[str, Any]:
    """An order of a shop with one product."""
    return {
        "status": "delivered",
        "hours_ago": hours_ago,
        "customer": {"email": "kim@example.com"},
        "items": [{"product_id": "prod_zine"}],
        **more,
    }


def shop(*orders: dict[str, Any]) -> Sandbox:
    products = [
        {"id": "prod_zine", "name": "Zine", "type": "digital", "price_minor": 700},
        {"id": "prod_cap", "name": "Cap", "type": "print_on_demand", "price_minor": 1800},
    ]
    named = [{"id": f"ord_{number}", **order} for number, order in enumerate(orders, 1)]
    return Sandbox(data={"products": products, "orders": named})


async def test_it_covers_the_last_24_hours_unless_told(door: Doors) -> None:
    box = shop(*[one_day(hours) for hours in (0.5, 23.9, 24.1, 50)])
    async with door(box=box) as opened:
        report = await opened.answer("order_report")
        assert report["orders"] == 2
        after, before = (
            datetime.fromisoformat(report[name]) for name in ("created_after", "created_before")
        )
        assert before - after == DAY
        assert abs(before - box.now()) < timedelta(minutes=5)
        assert report["complete"] is True
        assert opened.posts == 0


async def test_it_counts_and_sums_what_the_shop_holds(door: Doors, box: Sandbox) -> None:
    after, before = box.now() - 8 * DAY, box.now()
    async with door() as opened:
        report = await opened.answer(
            "order_report", created_after=after.isoformat(), created_before=before.isoformat()
        )
        orders = within(box, after, before)
        paid = [o for o in orders if o.payment == "paid"]
        assert report["orders"] == len(orders)
        assert report["by_status"] == dict(Counter(o.status for o in orders))
        assert report["by_payment_status"] == dict(Counter(o.payment_word for o in orders))
        gross = sum(o.total_minor for o in paid)
        refunded = sum(o.refunded_minor for o in paid)
        assert report["totals"] == [
            {
                "currency": "USD",
                "orders": len(paid),
                "gross_minor": gross,
                "refunded_minor": refunded,
                "net_minor": gross - refunded,
            }
        ]
        assert refunded > 0


async def test_unpaid_orders_bring_no_money_and_sell_nothing(door: Doors) -> None:
    box = shop(one_day(1, status="pending"), one_day(2, status="pending", payment="failed"))
    async with door(box=box) as opened:
        report = await opened.answer("order_report")
        assert report["orders"] == 2
        assert report["totals"] == []
        assert report["best_sellers"] == []


async def test_money_of_two_currencies_is_not_added(door: Doors) -> None:
    box = shop(one_day(1), one_day(2), one_day(3))
    async with door(box=box) as opened:
        box.faults.add(edited("/v1/orders/ord_2", data__order__currency="JPY"))
        report = await opened.answer("order_report")
        assert [(t["currency"], t["orders"], t["gross_minor"]) for t in report["totals"]] == [
            ("JPY", 1, 700),
            ("USD", 2, 1400),
        ]


async def test_best_sellers_are_by_pieces(door: Doors) -> None:
    caps = {"items": [{"product_id": "prod_cap", "quantity": 3}]}
    box = shop(one_day(1), one_day(2), one_day(3, **caps), one_day(4, status="pending", **caps))
    async with door(box=box) as opened:
        report = await opened.answer("order_report")
        assert report["best_sellers"] == [
            {
                "product_id": "prod_cap",
                "name": "Cap",
                "quantity": 3,
                "currency": "USD",
                "total_minor": 5400,
            },
            {
                "product_id": "prod_zine",
                "name": "Zine",
                "quantity": 2,
                "currency": "USD",
                "total_minor": 1400,
            },
        ]


async def test_it_names_the_orders_that_a_person_should_look_at(door: Doors) -> None:
    cap = {"items": [{"product_id": "prod_cap"}]}
    box = shop(
        one_day(1),
        one_day(2, status="pending", payment="failed"),
        one_day(30, status="pending"),
        one_day(3, status="pending"),
        one_day(4, status="shipped", **cap),
        one_day(5, status="cancelled", payment="paid"),
        one_day(6 * 24, status="processing", **cap),
        one_day(4 * 24, status="processing", **cap),
        one_day(7),
    )
    async with door(box=box) as opened:
        box.faults.add(edited("/v1/orders/ord_9", data__order__status="on_hold"))
        since = (box.now() - 10 * DAY).isoformat()
        report = await opened.answer("order_report", created_after=since)
        assert {a["order_id"]: a["reason"] for a in report["needs_attention"]} == {
            "ord_2": "payment failed",
            "ord_3": "unpaid for more than a day",
            "ord_5": "shipped without tracking",
            "ord_6": "cancelled but not refunded",
            "ord_7": "waiting for more than five days",
            "ord_9": "a status that order-skills does not know",
        }


async def test_an_order_that_was_refunded_in_part_waits_like_any_other(door: Doors) -> None:
    waiting = {"status": "processing", "items": [{"product_id": "prod_cap"}]}
    some = [{"amount_minor": 100, "reason": "late"}]
    whole = [{"amount_minor": 1800, "reason": "late"}]
    box = shop(one_day(6 * 24, **waiting, refunds=some), one_day(6 * 24, **waiting, refunds=whole))
    async with door(box=box) as opened:
        # Its row among older orders, and the order in full.
        for since in ({}, {"created_after": (box.now() - 10 * DAY).isoformat()}):
            report = await opened.answer("order_report", **since)
            assert "ord_1" in {a["order_id"] for a in report["needs_attention"]}, report
        assert {a["order_id"] for a in report["needs_attention"]} == {"ord_1"}


async def test_refunds_that_wait_and_refunds_in_doubt_need_attention(door: Doors) -> None:
    async with door() as opened:
        waiting = await opened.answer("refund_order", order_id="ord_1001", full=True, reason="a")
    async with door(ORDER_SKILLS_APPROVAL="never") as opened:
        opened.box.faults.add(Fault("reset_after", method="POST"))
        lost = await opened.answer("refund_order", order_id="ord_1006", full=True, reason="b")
        made = await opened.answer("refund_order", order_id="ord_1002", full=True, reason="c")
        report = await opened.answer("order_report")
        found = {a.get("refund_id"): a for a in report["needs_attention"]}
        assert found[waiting["refund_id"]]["order_id"] == "ord_1001"
        assert found[waiting["refund_id"]]["reason"] == "a refund is awaiting_approval"
        assert found[lost["refund_id"]]["reason"] == "a refund is unknown"
        assert made["refund_id"] not in found


async def test_a_request_whose_time_is_over_waits_for_nobody(home: Path, box: Sandbox) -> None:
    asked = {"order_id": "ord_1001", "full": True, "reason": "a"}
    # It waits for 4 ms.
    async with open_door(home, box=box, ORDER_SKILLS_APPROVAL_HOURS="0.000001") as opened:
        over = await opened.answer("refund_order", **asked)
        assert over["outcome"] == "awaiting_approval"
        await asyncio.sleep(0.02)
        report = await opened.answer("order_report")
        assert "refund_id" not in str(report["needs_attention"])


async def test_what_is_more_than_it_lists_is_counted(home: Path) -> None:
    box = shop(*[one_day(2, status="pending", payment="failed")] * 33, *[one_day(1)] * 32)
    async with open_door(home, box=box, ORDER_SKILLS_APPROVAL="never") as opened:
        box.faults.add(Fault("reset_after", method="POST"))
        lost = await opened.answer("refund_order", order_id="ord_34", full=True, reason="a")
    async with open_door(home, box=box) as opened:
        for number in range(35, 66):
            asked = {"order_id": f"ord_{number}", "full": True, "reason": "a"}
            assert (await opened.answer("refund_order", **asked))["outcome"] == "awaiting_approval"
        report = await opened.answer("order_report")
    told = report["needs_attention"]
    # What is in doubt comes first, though it is the oldest.
    assert told[0]["refund_id"] == lost["refund_id"]
    assert sum("refund_id" in row for row in told) == 30
    assert len(told) == 60
    assert "2 older refunds that wait or are in doubt are not listed" in report["note"]
    assert "3 more orders need attention and are not listed" in report["note"]


async def test_a_day_before_a_given_end_is_meant_where_only_the_end_is_given(door: Doors) -> None:
    async with door() as opened:
        report = await opened.answer("order_report", created_before="2026-03-02T12:00:00Z")
        assert report["created_after"] == "2026-03-01T12:00:00Z"


async def test_more_orders_than_it_reads_are_told(door: Doors) -> None:
    box = shop(*[one_day(number / 20) for number in range(1, 221)])
    box = Sandbox(era="old", shop=box.shop)
    async with door(box=box) as opened:
        report = await opened.answer("order_report")
        assert report["orders"] == report["searched"] == 200
        assert report["complete"] is False
        assert "200 orders" in report["note"]
        assert box.request_count("GET", "/v1/orders/ord_") == 200


async def test_orders_that_could_not_be_read_are_told(door: Doors) -> None:
    box = shop(one_day(1), one_day(2), one_day(3))
    async with door(box=box) as opened:
        box.faults.add(Fault("malformed", what="html", path="/v1/orders/ord_2", times=None))
        report = await opened.answer("order_report")
        assert report["orders"] == 2
        assert report["complete"] is False
        assert "1 orders could not be read" in report["note"]


async def test_a_quiet_day_is_an_answer(door: Doors) -> None:
    async with door(box=shop(one_day(100))) as opened:
        report = await opened.answer("order_report")
        assert (report["orders"], report["totals"], report["needs_attention"]) == (0, [], [])
        assert report["by_status"] == {}
        assert report["complete"] is True


async def test_open_orders_from_before_the_period_are_named_when_they_wait_too_long(
    door: Doors,
) -> None:
    cap = {"items": [{"product_id": "prod_cap"}]}
    box = shop(
        one_day(1),
        one_day(3 * 24, status="pending"),
        one_day(4 * 24, status="processing", **cap),
        one_day(6 * 24, status="processing", **cap),
        one_day(7 * 24, status="confirmed", **cap),
        one_day(8 * 24, status="shipped", **cap),
        one_day(40 * 24, status="processing", **cap),
    )
    async with door(box=box) as opened:
        report = await opened.answer("order_report")
        assert {a["order_id"]: a["reason"] for a in report["needs_attention"]} == {
            "ord_2": "unpaid for more than a day",
            "ord_4": "waiting for more than five days",
            "ord_5": "waiting for more than five days",
        }
        assert report["orders"] == 1
        assert report["complete"] is True
        assert "note" not in report


async def test_a_period_of_the_past_is_about_itself_alone(door: Doors) -> None:
    box = shop(one_day(30), one_day(6 * 24, status="processing"))
    async with door(box=box) as opened:
        before = (box.now() - DAY).isoformat()
        report = await opened.answer("order_report", created_before=before)
        assert (report["orders"], report["needs_attention"]) == (1, [])


async def test_open_orders_that_could_not_be_looked_at_are_told(door: Doors) -> None:
    box = shop(one_day(1), one_day(6 * 24, status="processing"))
    async with door(box=box) as opened:
        # The first list is the period's; those that follow are of open orders.
        box.faults.add(Fault("twice", path="/v1/orders$"))
        box.faults.add(Fault("status", code=403, path="/v1/orders$", times=None))
        report = await opened.answer("order_report")
        assert (report["orders"], report["needs_attention"]) == (1, [])
        assert "Not all open orders from before the period were looked at" in report["note"]
