"""record_order: a sale from over the counter, each call one sale however often it is sent."""

from pathlib import Path
from typing import Any

import pytest
from platform_doors import at, sent

from order_skills.errors import Code
from order_skills.sandbox import Fault
from support import code_of

TEA = {"name": "Tea", "quantity": 2, "price_minor": 125050}
SALE: dict[str, Any] = {"items": [TEA], "paid_in_full": True}


async def test_a_sale_is_recorded_in_naira(home: Path, era: str) -> None:
    async with at(home, "cloove", era=era) as door:
        answer = await door.answer(
            "record_order",
            **SALE,
            payment_method="CASH",
            discount_minor=100,
            customer_name="Ada",
            channel="in_store",
            notes="two\nlines",
        )
        order = answer["order"]
        assert answer["replayed"] is False
        assert (order["total_minor"], order["currency"]) == (250000, "NGN")
        assert order["payment_status"] == "paid"
        (request,) = sent(door.box)
        assert request.body == {
            "items": [{"product_name": "Tea", "quantity": 2, "custom_price": 1250.5}],
            "payment_method": "CASH",
            "amount_paid": 2500,
            "discount_amount": 1,
            "customer_name": "Ada",
            "channel": "in_store",
            "notes": "two\nlines",
        }


async def test_each_call_is_another_sale_with_a_key_of_its_own(home: Path) -> None:
    async with at(home, "cloove") as door:
        first = await door.answer("record_order", **SALE)
        second = await door.answer("record_order", **SALE)
        assert first["order"]["order_id"] != second["order"]["order_id"]
        assert second["replayed"] is False
        assert len({r.headers["idempotency-key"] for r in sent(door.box)}) == 2
        hints = door.tools["record_order"].annotations
        assert hints is not None
        assert (hints.idempotent_hint, hints.destructive_hint) == (False, False)


async def test_what_has_to_be_sent_again_keeps_its_key_and_is_one_sale(home: Path) -> None:
    async with at(home, "cloove") as door:
        before = len(door.box.shop.orders)
        door.box.faults.add(Fault("reset_after", method="POST"))
        answer = await door.answer("record_order", **SALE)
        assert answer["replayed"] is True
        first, second = sent(door.box)
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert len(door.box.shop.orders) == before + 1


async def test_a_sale_in_doubt_says_to_look_before_recording_it_again(home: Path) -> None:
    async with at(home, "cloove") as door:
        door.box.faults.add(Fault("reset_after", method="POST", times=None))
        text = await door.error("record_order", **SALE)
        assert code_of(text) is Code.STORE_UNAVAILABLE
        assert "it may have recorded the sale" in text
        assert "Next: look with list_orders whether it is there before recording it again" in text


async def test_a_sale_on_credit_is_not_called_paid(home: Path) -> None:
    async with at(home, "cloove") as door:
        for paid, word in ((0, "pending"), (5000, "partially_paid")):
            answer = await door.answer("record_order", items=[TEA], amount_paid_minor=paid)
            assert answer["order"]["payment_status"] == word
            assert answer["order"]["platform"]["due_minor"] == 250100 - paid


BAD = {
    "nothing paid is said": ({"paid_in_full": None}, "paid_in_full, amount_paid_minor must be gi"),
    "it is said twice": ({"amount_paid_minor": 5}, "paid_in_full, amount_paid_minor must be given"),
    "not in full": ({"paid_in_full": False}, "paid_in_full must be true, or left away"),
    "in full, as 1": ({"paid_in_full": 1}, "paid_in_full must be true, or left away"),
    "no items": ({"items": []}, "items must hold at least 1"),
    "too many": ({"items": [TEA] * 101}, "items must hold at most 100"),
    "no name": ({"items": [{"quantity": 1, "price_minor": 5}]}, "items.0.name is required"),
    "no price": ({"items": [{"name": "Tea", "quantity": 1}]}, "items must each have price_minor"),
    "a float": ({"items": [{**TEA, "price_minor": 12.5}]}, "items.0.price_minor must be a whole"),
    "a price in text": ({"items": [{**TEA, "price_minor": "12"}]}, "items.0.price_minor must be"),
    "no pieces": ({"items": [{**TEA, "quantity": 0}]}, "items.0.quantity must be at least 1"),
    "an unknown field": ({"items": [{**TEA, "unitPrice": 5}]}, "items.0.unitPrice is not an"),
    "a discount over all": ({"discount_minor": 10**9}, "discount_minor is more than the items"),
    "a branch that is a path": ({"store_id": "../x"}, "store_id does not have the form"),
    "an empty note": ({"notes": ""}, "notes must not be empty"),
    "a key of the agent's": ({"idempotency_key": "x"}, "idempotency_key is not an argument"),
}


@pytest.mark.parametrize(("change", "problem"), BAD.values(), ids=BAD)
async def test_what_is_no_sale_is_refused_by_name_with_no_request(
    home: Path, change: dict[str, Any], problem: str
) -> None:
    async with at(home, "cloove") as door:
        text = await door.error("record_order", **{**SALE, **change})
        assert text.startswith(f"INVALID_ARGUMENT: {problem}")
        assert door.box.requests == []


async def test_a_catalogue_price_is_the_stores_to_say(home: Path) -> None:
    async with at(home, "cloove") as door:
        items = [{"name": "Tee", "quantity": 1, "product_id": "prod_mug"}]
        text = await door.error("record_order", items=items, paid_in_full=True)
        assert text.startswith("INVALID_ARGUMENT: paid_in_full needs price_minor on every item")
        answer = await door.answer("record_order", items=items, amount_paid_minor=100)
        assert answer["order"]["total_minor"] > 100


async def test_what_is_paid_over_the_total_is_refused(home: Path) -> None:
    async with at(home, "cloove") as door:
        text = await door.error("record_order", items=[TEA], amount_paid_minor=250101)
        assert text.startswith("INVALID_ARGUMENT: amount_paid_minor is more than")
        assert door.box.requests == []
