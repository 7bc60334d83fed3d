"""What a refund comes to, what is left, and which orders may be refunded at all.

Each case is asked of check_refund, which only reads, and of refund_order, which must agree.
"""

from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from support import AUTO, Door, Doors, code_of, edited, in_shop

ORDER = "/v1/orders/ord_"


@pytest.fixture
def era() -> str:
    """The rules know no era; test_refunds.py and test_refund_approval.py go through both."""
    return AUTO


async def both(door: Door, **request: Any) -> tuple[dict[str, Any], Any]:
    """The decision of check_refund, and the result of the same refund_order."""
    asked = {name: value for name, value in request.items() if name != "full"}
    decision = await door.answer("check_refund", **asked)
    assert door.posts == 0
    return decision, await door.call("refund_order", **request, reason="arrived broken")


REFUNDS = {
    "by amount": ("ord_1001", {"amount_minor": 500}, 500),
    "one cent": ("ord_1001", {"amount_minor": 1}, 1),
    "A8-all that is left, by amount": ("ord_1003", {"amount_minor": 3499}, 3499),
    "full": ("ord_1001", {"full": True}, 2499),
    "full is what is left": ("ord_1003", {"full": True}, 3499),
    "by item": ("ord_1007", {"item_ids": ["item_1007_1"]}, 999),
    "by items": ("ord_1007", {"item_ids": ["item_1007_1", "item_1007_2"]}, 2998),
    "by item of several pieces": ("ord_1007", {"item_ids": ["item_1007_3"]}, 4998),
    "by pieces": ("ord_1015", {"item_ids": ["item_1015_1"], "quantity": 2}, 4998),
    "all pieces": ("ord_1015", {"item_ids": ["item_1015_1"], "quantity": 3}, 7497),
    "older revision, paid": ("ord_1006", {"full": True}, 2499),
    "older revision, processing": ("ord_1013", {"full": True}, 4498),
    "older revision, no variants": ("ord_1016", {"item_ids": ["item_1016_1"]}, 1599),
    "G10-shipped": ("ord_1008", {"full": True}, 2499),
    "delivered": ("ord_1002", {"full": True}, 999),
}


@pytest.mark.parametrize(("order_id", "form", "amount"), REFUNDS.values(), ids=REFUNDS)
async def test_a_refund_is_of_what_was_asked_and_one_request(
    sending: Doors, order_id: str, form: dict[str, Any], amount: int
) -> None:
    async with sending() as door:
        before = door.refunded(order_id)
        decision, result = await both(door, order_id=order_id, **form)
        assert decision["allowed"] is True
        assert decision["amount_minor"] == amount
        assert decision["blockers"] == []
        assert decision["needs_approval"] is False
        refund = result.structured_content or {}
        assert (refund["outcome"], refund["amount_minor"]) == ("refunded", amount)
        assert refund["remaining_minor"] == decision["remaining_minor"] - amount
        assert door.posts == 1
        assert door.refunded(order_id) == before + amount
        sent = next(r.body for r in door.box.requests if r.method == "POST")
        assert sent == {
            "amountInCents": amount,
            "reason": f"arrived broken [{refund['refund_id']}]",
        }


REFUSALS: dict[str, tuple[str, dict[str, Any], Code]] = {
    "A7-one too many": ("ord_1001", {"amount_minor": 2500}, Code.EXCEEDS_REMAINING),
    "A7-more than the rest": ("ord_1003", {"amount_minor": 3500}, Code.EXCEEDS_REMAINING),
    "A7-older": ("ord_1013", {"amount_minor": 4499}, Code.EXCEEDS_REMAINING),
    "A23-pending": ("ord_1005", {"amount_minor": 1}, Code.NOT_PAID),
    "A23-failed": ("ord_1009", {"full": True}, Code.NOT_PAID),
    "A23-refunded": ("ord_1004", {"full": True}, Code.NOTHING_LEFT),
    "A23-refunded, by amount": ("ord_1004", {"amount_minor": 1}, Code.NOTHING_LEFT),
    "A23-refunded, by item": ("ord_1004", {"item_ids": ["item_1004_1"]}, Code.NOTHING_LEFT),
    "A23-cancelled and refunded": ("ord_1010", {"full": True}, Code.NOTHING_LEFT),
    "A23-cancelled, never paid": ("ord_1018", {"full": True}, Code.NOT_PAID),
    "A23-older, refunded": ("ord_1014", {"full": True}, Code.NOTHING_LEFT),
    "no such item": ("ord_1001", {"item_ids": ["item_1002_1"]}, Code.ITEM_NOT_FOUND),
    "one of two items": (
        "ord_1007",
        {"item_ids": ["item_1007_1", "item_9"]},
        Code.ITEM_NOT_FOUND,
    ),
    "an item worth more than is left": (
        "ord_1003",
        {"item_ids": ["item_1003_1"]},
        Code.EXCEEDS_REMAINING,
    ),
    "more pieces than bought": (
        "ord_1015",
        {"item_ids": ["item_1015_1"], "quantity": 4},
        Code.INVALID_ARGUMENT,
    ),
}


@pytest.mark.parametrize(("order_id", "form", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_what_may_not_be_is_refused_before_anything_is_sent(
    sending: Doors, order_id: str, form: dict[str, Any], code: Code
) -> None:
    async with sending() as door:
        before = door.refunded(order_id)
        decision, result = await both(door, order_id=order_id, **form)
        assert decision["allowed"] is False
        blocker = decision["blockers"][0]
        assert blocker["code"] == code
        text = result.content[0].text
        assert code_of(text) is code
        # Who checks first is told the same, with what to do now.
        assert text == f"{code}: {blocker['message']}."
        assert ". Next: " in blocker["message"]
        # By the order, or by an item of it.
        assert order_id.removeprefix("ord_") in text
        assert door.posts == 0
        assert door.refunded(order_id) == before


async def test_a_next_step_that_several_blockers_share_is_told_once(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(
            edited(
                ORDER,
                data__order__status="on_hold",
                data__order__paymentStatus="partially_refunded",
            )
        )
        decision = await door.answer("check_refund", order_id="ord_1001")
        told = [blocker["message"] for blocker in decision["blockers"]]
        assert len(told) == 2
        asked = [message.partition(". Next: ")[2] for message in told]
        assert asked == ["ask the owner to look at the order in the store", ""]


async def test_where_nothing_can_be_refunded_no_step_leads_to_a_refund(sending: Doors) -> None:
    async with sending(ORDER_SKILLS_READ_ONLY="1") as door:
        decision = await door.answer("check_refund", order_id="ord_1003", amount_minor=4999)
        first, second = decision["blockers"]
        assert first["message"] == (
            "this server only reads. Next: tell the person that the owner switched refunds off here"
        )
        assert (second["code"], "Next: " in second["message"]) == (Code.EXCEEDS_REMAINING, False)


async def test_a_refusal_names_the_amounts_and_the_next_call(sending: Doors) -> None:
    async with sending() as door:
        text = await door.error(
            "refund_order", order_id="ord_1003", amount_minor=4999, reason="late"
        )
        assert text == (
            "EXCEEDS_REMAINING: asked 49.99 USD, 34.99 USD is left of order ord_1003 "
            '(1 earlier refund). Next: check_refund(order_id="ord_1003") shows what is possible.'
        )


# The older revision takes refunds in two states only: paid and processing.
@pytest.mark.parametrize("status", ["shipped", "delivered"])
async def test_the_older_revision_takes_no_refund_once_it_is_shipped(
    sending: Doors, status: str
) -> None:
    box = Sandbox(era="old")
    order_id = next(o.id for o in box.shop.newest_first() if o.status == status and not o.refunds)
    async with sending(box=box) as door:
        decision, result = await both(door, order_id=order_id, full=True)
        assert [b["code"] for b in decision["blockers"]] == [Code.NOT_REFUNDABLE]
        assert status in result.content[0].text
        assert door.posts == 0


DOUBTFUL: dict[str, dict[str, Any]] = {
    "U14-refunds missing": {"remove": ["data.order.refunds"]},
    "U14-refunds null": {"data__order__refunds": None},
    "U14-refunds no list": {"data__order__refunds": {"id": "ref_1"}},
    "U15-amount a float": {"data__order__refunds": [{"id": "r", "amountInCents": 1.5}]},
    "U15-amount a text": {"data__order__refunds": [{"id": "r", "amountInCents": "500"}]},
    "U15-amount negative": {"data__order__refunds": [{"id": "r", "amountInCents": -5}]},
    "U15-amount missing": {"data__order__refunds": [{"id": "r"}]},
    "U15-no object": {"data__order__refunds": ["500"]},
    "U20-paid, but refunded": {"data__order__refunds": [{"id": "r", "amountInCents": 500}]},
    "U20-partially, but nothing": {"data__order__paymentStatus": "partially_refunded"},
    "U20-partially, but all": {
        "data__order__paymentStatus": "partially_refunded",
        "data__order__refunds": [{"id": "r", "amountInCents": 2499}],
    },
    "U21-status": {"data__order__status": "on_hold"},
    "U21-payment": {"data__order__paymentStatus": "escrowed"},
    "payment null": {"data__order__paymentStatus": None},
    "payment a number": {"data__order__paymentStatus": 1},
    "status missing": {"remove": ["data.order.status"]},
}


@pytest.mark.parametrize("change", DOUBTFUL.values(), ids=DOUBTFUL)
async def test_money_does_not_move_on_what_is_not_understood(
    sending: Doors, change: dict[str, Any]
) -> None:
    async with sending() as door:
        door.box.faults.add(edited(ORDER, **change))
        decision, result = await both(door, order_id="ord_1001", amount_minor=500)
        assert decision["allowed"] is False
        assert decision["blockers"][0]["code"] == Code.NOT_REFUNDABLE
        assert code_of(result.content[0].text) is Code.NOT_REFUNDABLE
        assert door.posts == 0


@pytest.mark.parametrize("amount", [1.5, "500", -5, 0, True, None, 2**53], ids=lambda v: f"U15-{v}")
async def test_beside_one_refund_that_can_be_read_another_one_that_cannot_stops_the_order(
    sending: Doors, amount: object
) -> None:
    """ord_1003 is partially refunded; how much of it is left is not known then."""
    async with sending() as door:
        read = in_shop(door.box, "ord_1003")["refunds"]
        refunds = [*read, {"id": "ref_x", "amountInCents": amount}]
        door.box.faults.add(edited(ORDER, data__order__refunds=refunds))
        decision, result = await both(door, order_id="ord_1003", amount_minor=100)
        assert decision["allowed"] is False
        assert "remaining_minor" not in decision
        assert code_of(result.content[0].text) is Code.NOT_REFUNDABLE
        assert door.posts == 0


UNREADABLE: dict[str, dict[str, Any]] = {
    "U19-total negative": {"data__order__totalInCents": -2499},
    "U19-total huge": {"data__order__totalInCents": 2**53},
    "total a float": {"data__order__totalInCents": 2499.0},
    "total a text": {"data__order__totalInCents": "2499"},
    "total true": {"data__order__totalInCents": True},
    "total missing": {"remove": ["data.order.totalInCents"]},
    "an item's total negative": {"data__order__items__0__totalInCents": -1},
    "an item's price a float": {"data__order__items__0__priceInCents": 24.99},
    "an item without an id": {"remove": ["data.order.items.0.id"]},
    "an item's id a path": {"data__order__items__0__id": "../x"},
    "no order": {"remove": ["data.order"]},
    "the order a list": {"data__order": []},
    "no data": {"remove": ["data"]},
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_order_whose_money_cannot_be_read_is_no_answer(
    sending: Doors, change: dict[str, Any]
) -> None:
    async with sending() as door:
        door.box.faults.add(edited(ORDER, **change))
        for tool, rest in (
            ("check_refund", {}),
            ("refund_order", {"reason": "late", "amount_minor": 500}),
            ("get_order", {}),
        ):
            assert await door.code(tool, order_id="ord_1001", **rest) is Code.STORE_BAD_ANSWER
        assert door.posts == 0


async def test_u19_nothing_is_left_of_a_total_of_zero(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(edited(ORDER, data__order__totalInCents=0))
        decision, result = await both(door, order_id="ord_1001", full=True)
        assert decision["remaining_minor"] == 0
        assert code_of(result.content[0].text) is Code.NOTHING_LEFT
        assert door.posts == 0


async def test_u14_ten_thousand_refunds_are_summed(sending: Doors) -> None:
    refunds = [{"id": f"r{n}", "amountInCents": 1, "extra": [n]} for n in range(10_000)]
    change = edited(
        ORDER,
        data__order__totalInCents=10_400,
        data__order__refunds=refunds,
        data__order__paymentStatus="partially_refunded",
    )
    async with sending() as door:
        door.box.faults.add(change)
        text = await door.error("refund_order", order_id="ord_1001", amount_minor=401, reason="a")
        assert "4.00 USD is left of order ord_1001 (10000 earlier refunds)" in text
        assert door.posts == 0


@pytest.mark.parametrize(
    ("currency", "shown"), [("JPY", "2499 JPY"), ("KWD", "2.499 KWD")], ids=lambda v: f"A24-{v}"
)
async def test_a_currency_with_other_decimals_is_kept_in_minor_units(
    door: Doors, currency: str, shown: str
) -> None:
    async with door() as opened:
        opened.box.faults.add(edited(ORDER, data__order__currency=currency))
        order = await opened.answer("get_order", order_id="ord_1001")
        assert (order["currency"], order["total_minor"]) == (currency, 2499)
        refund = await opened.answer("refund_order", order_id="ord_1001", full=True, reason="late")
        assert refund["currency"] == currency
        assert shown in refund["message"]


async def test_items_that_do_not_add_up_need_a_person(sending: Doors) -> None:
    """G5: the older sample's items sum to 999 on a subtotal of 2499."""
    async with sending() as door:
        door.box.faults.add(edited(ORDER, data__order__items__0__totalInCents=999))
        by_item = {"order_id": "ord_1001", "item_ids": ["item_1001_1"]}
        assert (await door.answer("check_refund", **by_item))["needs_approval"] is True
        by_amount = await door.answer("check_refund", order_id="ord_1001", amount_minor=999)
        assert by_amount["needs_approval"] is False
        refund = await door.answer("refund_order", **by_item, reason="late")
        assert refund["outcome"] == "awaiting_approval"
        assert door.posts == 0


async def test_a_line_that_does_not_divide_is_not_refunded_by_pieces(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(edited("/v1/orders/ord_1015", data__order__items__0__totalInCents=7498))
        by_piece = {"order_id": "ord_1015", "item_ids": ["item_1015_1"], "quantity": 1}
        code = await door.code("refund_order", **by_piece, reason="late")
        assert code is Code.NOT_REFUNDABLE
        assert door.posts == 0


async def test_an_item_is_not_refunded_past_its_total(sending: Doors) -> None:
    item = {"order_id": "ord_1015", "item_ids": ["item_1015_1"]}
    async with sending() as door:
        await door.answer("refund_order", **item, quantity=2, reason="torn")
        text = await door.error("refund_order", **item, quantity=3, reason="torn too")
        assert code_of(text) is Code.EXCEEDS_REMAINING
        assert "24.99 USD is left of item item_1015_1" in text
        rest = await door.answer("refund_order", **item, reason="the last one, too")
        assert rest["amount_minor"] == 2499
        assert await door.code("refund_order", **item, reason="again") is Code.NOTHING_LEFT
        assert door.posts == 2


async def test_check_refund_lists_every_refund_once(sending: Doors) -> None:
    async with sending() as door:
        made = await door.answer("refund_order", order_id="ord_1003", amount_minor=100, reason="a")
        checked = await door.answer("check_refund", order_id="ord_1003")
        names = ("refund_id", "amount_minor", "outcome")
        assert [tuple(r[n] for n in names) for r in checked["earlier_refunds"]] == [
            ("ref_1003_1", 1500, "refunded"),
            (made["refund_id"], 100, "refunded"),
        ]
        assert checked["remaining_minor"] == 3399


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
async def test_a_refund_in_doubt_is_listed_once_whether_the_store_shows_it_or_not(
    sending: Doors, kind: str
) -> None:
    async with sending() as door:
        door.box.faults.add(Fault(kind, method="POST"))
        lost = await door.answer("refund_order", order_id="ord_1003", amount_minor=100, reason="a")
        checked = await door.answer("check_refund", order_id="ord_1003")
        names = ("refund_id", "amount_minor", "outcome")
        assert [tuple(r[n] for n in names) for r in checked["earlier_refunds"]] == [
            ("ref_1003_1", 1500, "refunded"),
            (lost["refund_id"], 100, "refunded" if kind == "reset_after" else "unknown"),
        ]
        assert checked["remaining_minor"] == 3399


async def test_u18_what_a_stale_reading_does_not_show_yet_is_not_given_twice(
    sending: Doors,
) -> None:
    async with sending() as door:
        await door.answer("refund_order", order_id="ord_1001", amount_minor=2000, reason="a")
        door.box.faults.add(Fault("stale_reads", times=None))
        stale = await door.answer("get_order", order_id="ord_1001")
        assert stale["remaining_minor"] == 2499
        checked = await door.answer("check_refund", order_id="ord_1001")
        assert checked["remaining_minor"] == 499
        assert [r["outcome"] for r in checked["earlier_refunds"]] == ["refunded"]
        code = await door.code("refund_order", order_id="ord_1001", amount_minor=500, reason="b")
        assert code is Code.EXCEEDS_REMAINING
        assert door.posts == 1
