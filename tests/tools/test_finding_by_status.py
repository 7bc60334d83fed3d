"""list_orders where the store shows its newest 100 orders and has no way to page."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from order_skills.sandbox import Sandbox
from support import Doors

STATUSES = ("delivered", "shipped", "confirmed")


def shop_of(orders: int, statuses: tuple[str, ...] = STATUSES) -> Sandbox:
    """A store of the newer revision with an order each hour, in these statuses by turns."""
    products = [{"id": "prod_cap", "name": "Cap", "type": "digital", "price_minor": 1800}]
    made = [
        {
            "id": f"ord_{number:04}",
            "status": statuses[number % len(statuses)],
            "hours_ago": number + 1,
            "customer": {"email": f"customer{number}@example.com"},
            "items": [{"product_id": "prod_cap"}],
        }
        for number in range(orders)
    ]
    return Sandbox(era="new", data={"products": products, "orders": made})


def ids(found: dict[str, Any]) -> list[str]:
    return [row["order_id"] for row in found["orders"]]


def in_order(box: Sandbox) -> list[str]:
    return [order.id for order in box.shop.newest_first()]


def since(box: Sandbox, hours: float) -> str:
    return (box.now() - timedelta(hours=hours)).isoformat()


async def test_orders_beyond_the_list_are_met_once_each_by_the_lists_of_each_status(
    door: Doors,
) -> None:
    box = shop_of(290)
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", limit=70)
        walked, pages = ids(found), 1
        while "next_cursor" in found:
            found = await opened.answer("list_orders", limit=70, cursor=found["next_cursor"])
            walked, pages = walked + ids(found), pages + 1
        assert walked == in_order(box)
        assert pages == 5
        assert found["complete"] is True


async def test_a_customer_is_found_whose_order_is_not_among_the_newest_100(door: Doors) -> None:
    box = shop_of(150)
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", customer_email="customer149@example.com")
        assert ids(found) == ["ord_0149"]
        assert found["searched"] == 150
        assert found["complete"] is True


async def test_a_day_that_all_lists_reach_is_complete(door: Doors) -> None:
    box = shop_of(600)
    async with door(box=box) as opened:
        found = await opened.answer(
            "list_orders", created_after=since(box, 290.5), created_before=since(box, 239.5)
        )
        cursor = found["next_cursor"]
        rest = await opened.answer(
            "list_orders",
            created_after=since(box, 290.5),
            created_before=since(box, 239.5),
            limit=100,
            cursor=cursor,
        )
        assert ids(found) + ids(rest) == in_order(box)[239:290]
        assert rest["complete"] is True
        # What is older than asked is not looked at.
        assert found["searched"] + rest["searched"] == 290


async def test_a_day_that_one_list_does_not_reach_is_not_complete_and_is_told(door: Doors) -> None:
    # Of the delivered ones the list ends after 200 hours, of the pending ones it does not.
    box = shop_of(300, ("delivered", "pending"))
    async with door(box=box) as opened:
        found = await opened.answer(
            "list_orders", created_after=since(box, 250.5), created_before=since(box, 195)
        )
        assert found["complete"] is False
        assert "next_cursor" not in found
        oldest = box.shop.orders["ord_0198"].created_at
        assert f"orders made before {oldest:%Y-%m-%dT%H:%M}" in found["note"]
        assert "only its newest orders of each status" in found["note"]


async def test_orders_of_a_status_that_has_no_list_leave_the_search_incomplete(door: Doors) -> None:
    """Where one of the newest orders is on no list, older ones may be on none, too."""
    box = shop_of(150)
    box.shop.put(replace(box.shop.orders["ord_0003"], status="on_hold"))
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", customer_email="customer149@example.com")
        assert ids(found) == ["ord_0149"]
        assert found["complete"] is False
        assert "may be missing" in found["note"]


async def test_a_search_that_the_newest_orders_answer_asks_for_no_other_list(door: Doors) -> None:
    box = shop_of(150)
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", created_after=since(box, 50))
        assert found["searched"] == 20
        found = await opened.answer("list_orders", created_after=since(box, 50), limit=100)
        assert found["complete"] is True
        assert box.request_count("GET") == 2


async def test_rows_that_rule_an_order_out_are_not_read_in_full(door: Doors) -> None:
    """Of a paid order the row says that it was not refunded, so its customer does not matter."""
    box = Sandbox(era="new")
    refunded = [o.id for o in box.shop.newest_first() if o.payment_word == "refunded"]
    async with door(box=box) as opened:
        found = await opened.answer(
            "list_orders", customer_email="sam@example.org", payment_status="refunded"
        )
        assert found["complete"] is True
        assert 0 < len(refunded) < 10
        assert box.request_count("GET", "/v1/orders/ord_") == len(refunded)


async def test_what_was_not_paid_in_the_older_revision_need_not_be_read_for_refunds(
    door: Doors,
) -> None:
    box = Sandbox(era="old")
    paid = [o.id for o in box.shop.newest_first() if o.payment != "pending"]
    pending = [o.id for o in box.shop.newest_first() if o.status == "pending"]
    async with door(box=box) as opened:
        await opened.answer("list_orders", payment_status="partially_refunded", limit=100)
        read = {entry.path.rpartition("/")[2] for entry in box.requests}
        assert pending
        assert not read & set(pending)
        assert set(paid) - set(pending) <= read
