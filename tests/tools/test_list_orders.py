"""list_orders: what each filter finds, compared with what the shop itself holds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.shop import Order
from support import Doors, edited, in_shop

Wanted = Callable[[Order], bool]

SECOND = timedelta(seconds=1)


def found_in_shop(box: Sandbox, wanted: Wanted) -> list[str]:
    """The ids of the orders that are wanted, newest first."""
    return [order.id for order in box.shop.newest_first() if wanted(order)]


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def assert_finds(doors: Doors, wanted: Wanted, **filters: object) -> list[str]:
    """These filters find those orders, in that order, and say that this is all."""
    async with doors() as opened:
        found = await opened.answer("list_orders", limit=100, **filters)
        expected = found_in_shop(opened.box, wanted)
        assert [row["order_id"] for row in found["orders"]] == expected
        assert found["complete"] is True
        assert "note" not in found
        assert "next_cursor" not in found
        assert opened.posts == 0
    return expected


async def test_without_a_filter_it_lists_the_newest_20(door: Doors) -> None:
    async with door() as opened:
        found = await opened.answer("list_orders")
        newest = [order.id for order in opened.box.shop.newest_first()]
        assert [row["order_id"] for row in found["orders"]] == newest[:20]
        assert found["searched"] == 20
        assert found["complete"] is False


@pytest.mark.parametrize("status", ["pending", "shipped", "delivered", "cancelled"])
async def test_it_filters_by_order_status(door: Doors, status: str) -> None:
    expected = await assert_finds(
        # Of the older revision, what was refunded in full has the status refunded.
        door,
        lambda o: o.status == status and not (o.era == "old" and o.payment_word == "refunded"),
        status=status,
    )
    assert expected


async def test_paid_orders_of_the_older_revision_are_confirmed_ones(door: Doors) -> None:
    expected = await assert_finds(
        door,
        lambda o: o.status == "confirmed" and not (o.era == "old" and o.payment_word == "refunded"),
        status="confirmed",
    )
    assert {"ord_1001", "ord_1006"} <= set(expected)


@pytest.mark.parametrize("revision", ["old", "new"])
async def test_confirmed_orders_are_found_in_a_store_of_one_revision(
    door: Doors, revision: str
) -> None:
    box = Sandbox(era=revision)
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", limit=100, status="confirmed")
        word = {"old": "paid", "new": "confirmed"}[revision]
        expected = found_in_shop(box, lambda o: box.dialect.wire.status(o) == word)
        assert [row["order_id"] for row in found["orders"]] == expected
        assert found["complete"] is True
        raw = {"old": {"paid"}, "new": set()}[revision]
        assert {row["status_raw"] for row in found["orders"] if "status_raw" in row} == raw


async def test_refunded_is_an_order_status_of_the_older_revision(door: Doors) -> None:
    expected = await assert_finds(
        door, lambda o: o.era == "old" and o.payment_word == "refunded", status="refunded"
    )
    assert "ord_1014" in expected


@pytest.mark.parametrize(
    "word", ["pending", "paid", "failed", "partially_refunded", "refunded"], ids=str
)
async def test_it_filters_by_payment_status(door: Doors, word: str) -> None:
    expected = await assert_finds(door, lambda o: told_payment(o) == word, payment_status=word)
    assert expected


async def test_where_the_older_revision_does_not_say_the_payment_is_unknown(door: Doors) -> None:
    expected = await assert_finds(
        door, lambda o: told_payment(o) == "unknown", payment_status="unknown"
    )
    assert expected


@pytest.mark.parametrize(
    "part",
    [str, str.upper, str.title, "  {}  ".format],
    ids=["as it is", "upper", "title", "spaced"],
)
async def test_it_finds_a_customer_by_e_mail_in_any_case(
    door: Doors, part: Callable[[str], str]
) -> None:
    expected = await assert_finds(
        door,
        lambda o: o.customer.email == "sam@example.org",
        customer_email=part("sam@example.org"),
    )
    assert "ord_1005" in expected


async def test_the_store_may_write_the_e_mail_in_another_case(door: Doors) -> None:
    async with door() as opened:
        opened.box.faults.add(
            edited("/v1/orders/ord_1005", data__order__customerEmail="SAM@Example.Org")
        )
        found = await opened.answer("list_orders", customer_email="sam@example.org", limit=1)
        assert [row["order_id"] for row in found["orders"]] == ["ord_1005"]


async def test_part_of_an_e_mail_is_no_e_mail(door: Doors) -> None:
    await assert_finds(door, lambda o: False, customer_email="sam@example")


@pytest.mark.parametrize(
    ("product", "held"),
    [
        ("prod_tee", "prod_tee"),
        ("lobster", "prod_tee"),
        ("LOBSTER T", "prod_tee"),
        ("  Hoodie ", "prod_hoodie"),
        ("font bundle", "prod_fonts"),
    ],
)
async def test_it_finds_a_product_by_id_and_by_part_of_its_name(
    door: Doors, product: str, held: str
) -> None:
    expected = await assert_finds(
        door, lambda o: any(i.product_id == held for i in o.items), product=product
    )
    assert expected


async def test_part_of_a_product_id_is_no_product(door: Doors) -> None:
    await assert_finds(door, lambda o: False, product="prod_te")


async def test_created_after_includes_and_created_before_excludes_that_moment(
    door: Doors, box: Sandbox
) -> None:
    first, last = (box.shop.orders[o].created_at for o in ("ord_1003", "ord_1001"))
    expected = await assert_finds(
        door,
        lambda o: stamp(first) <= stamp(o.created_at) < stamp(last),
        created_after=stamp(first),
        created_before=stamp(last),
    )
    assert "ord_1003" in expected
    assert "ord_1001" not in expected


async def test_a_second_decides_at_both_ends(door: Doors, box: Sandbox) -> None:
    created = box.shop.orders["ord_1002"].created_at
    exactly = [("ord_1002", stamp(created), stamp(created + SECOND))]
    outside = [
        ("earlier", stamp(created - SECOND), stamp(created)),
        ("later", stamp(created + SECOND), stamp(created + 2 * SECOND)),
    ]
    async with door() as opened:
        for name, after, before in exactly + outside:
            found = await opened.answer("list_orders", created_after=after, created_before=before)
            rows = {row["order_id"] for row in found["orders"]}
            assert ("ord_1002" in rows) is (name == "ord_1002"), name


async def test_a_date_is_its_first_moment_and_a_zone_is_heeded(door: Doors, box: Sandbox) -> None:
    day = (box.now() - timedelta(days=2)).strftime("%Y-%m-%d")
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    expected = await assert_finds(door, lambda o: o.created_at >= start, created_after=day)
    assert expected
    elsewhere = start.isoformat().replace("T00:00:00+00:00", "T05:00:00+05:00")
    await assert_finds(door, lambda o: o.created_at >= start, created_after=elsewhere)


async def test_filters_hold_together(door: Doors, box: Sandbox) -> None:
    since = box.now() - timedelta(days=20)
    expected = await assert_finds(
        door,
        lambda o: (
            o.customer.email == "alex.river@example.com"
            and o.payment_word == "paid"
            and o.created_at >= since
            and any(i.product_id == "prod_tee" for i in o.items)
        ),
        customer_email="Alex.River@example.com",
        payment_status="paid",
        created_after=stamp(since),
        product="t-shirt",
    )
    assert "ord_1015" in expected


async def test_only_rows_that_say_too_little_are_read_in_full(home: object, door: Doors) -> None:
    async with door() as opened:
        await opened.answer("list_orders", status="shipped", limit=50)
        assert opened.gets == 1
        box = Sandbox(options={"rows": "full"})
    async with door(box=box) as opened:
        await opened.answer("list_orders", customer_email="sam@example.org", limit=50)
        assert opened.gets == 1


async def test_a_row_says_in_few_words_what_was_bought(door: Doors) -> None:
    box = Sandbox(options={"rows": "full"})
    async with door(box=box) as opened:
        rows = {r["order_id"]: r for r in (await opened.answer("list_orders", limit=50))["orders"]}
        assert rows["ord_1001"]["items"] == "Lobster T-Shirt (Size M)"
        assert rows["ord_1007"]["items"] == "AI Art Pack Vol. 1 + 2 more"
        assert rows["ord_1015"]["items"] == "Lobster T-Shirt (Size M) x3"
        assert rows["ord_1003"]["refunded_minor"] == 1500
        assert "refunded_minor" not in rows["ord_1001"]
        assert len(rows["ord_1011"]["items"]) <= 60


async def test_a_row_has_these_fields_and_nothing_that_says_nothing(door: Doors) -> None:
    async with door() as opened:
        for row in (await opened.answer("list_orders", limit=100))["orders"]:
            order = in_shop(opened.box, row["order_id"])
            assert row["total_minor"] == order["totalInCents"]
            assert row["currency"] == "USD"
            assert set(row) <= {
                "order_id",
                "status",
                "payment_status",
                "currency",
                "total_minor",
                "created_at",
                "status_raw",
            }
            assert ("status_raw" in row) is (order["status"] == "paid")


async def test_a_store_that_cannot_be_read_is_an_error_and_no_empty_list(door: Doors) -> None:
    async with door() as opened:
        opened.box.faults.add(Fault("rate_limited", retry_after="30", times=None))
        text = await opened.error("list_orders", customer_email="sam@example.org")
        assert text.startswith(f"{Code.STORE_RATE_LIMITED}: Clawver asks to wait 30 s")


def told_payment(order: Order) -> str:
    """What the store tells of the payment; the older revision tells it by the status alone."""
    if order.era == "new" or order.refunds:
        return order.payment_word
    return {"cancelled": "unknown", "pending": "pending"}.get(order.status, "paid")
