"""update_order_status: an order moves on one step, with its parcel, and never back."""

from pathlib import Path
from typing import Any

import pytest
from platform_doors import at, sent

from order_skills.errors import Code
from order_skills.sandbox import Fault
from order_skills.sandbox.values import numbered
from support import code_of

CONFIRMED, SHIPPED, PROCESSING, NOTED = (numbered(n) for n in (1001, 1003, 1007, 1008))
PARCEL = {
    "tracking_number": "1Z999",
    "carrier": "UPS",
    "tracking_url": "https://track.example/1Z999",
}
TOLD = {
    "trackingNumber": "1Z999",
    "carrier": "UPS",
    "trackingUrl": "https://track.example/1Z999",
}


async def test_an_order_moves_on_and_shows_its_parcel(home: Path, era: str) -> None:
    async with at(home, "vesuviopay", era=era) as door:
        answer = await door.answer(
            "update_order_status", order_id=PROCESSING, status="shipped", **PARCEL
        )
        order = answer["order"]
        assert set(answer) == {"order"}
        assert (order["order_id"], order["status"]) == (PROCESSING, "shipped")
        assert order["tracking"] == {
            "carrier": "UPS",
            "number": "1Z999",
            "url": "https://track.example/1Z999",
        }
        (request,) = sent(door.box)
        assert request.body == {"status": "shipped", "metadata": TOLD}
        read = await door.answer("get_order", order_id=PROCESSING)
        assert (read["status"], read["tracking"]) == ("shipped", order["tracking"])


async def test_the_status_that_is_there_already_sends_nothing(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        moved = {"order_id": PROCESSING, "status": "shipped", **PARCEL}
        first = await door.answer("update_order_status", **moved)
        again = await door.answer("update_order_status", **moved)
        assert again["order"]["status"] == first["order"]["status"] == "shipped"
        assert "already_done" not in first
        assert again["already_done"] is True
        assert len(sent(door.box)) == 1


async def test_further_facts_are_kept_beside_those_that_are_there(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        await door.answer(
            "update_order_status", order_id=NOTED, status="delivered", metadata={"door": "left"}
        )
        (request,) = sent(door.box)
        assert request.body["metadata"] == {
            "warehouseId": "WH-01",
            "boxes": 2,
            "weight": 1.25,
            "door": "left",
        }


@pytest.mark.parametrize("status", ["cancelled", "refunded"])
async def test_an_order_is_not_ended_this_way_and_cancel_order_is_named(
    home: Path, status: str
) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error("update_order_status", order_id=CONFIRMED, status=status)
        assert text.startswith(f"INVALID_ARGUMENT: status is not set to {status} this way.")
        assert f'Next: cancel_order(order_id="{CONFIRMED}"' in text
        assert "refund_amount_minor" in text
        assert door.box.requests == []


@pytest.mark.parametrize("status", ["pending", "completed", "disputed", "Shipped", "", 5, ["x"]])
async def test_a_word_that_nothing_leads_to_is_refused_naming_those_there_are(
    home: Path, status: Any
) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error("update_order_status", order_id=CONFIRMED, status=status)
        words = "confirmed, processing, shipped, delivered"
        assert text.startswith(f"INVALID_ARGUMENT: status must be one of: {words}.")
        assert door.box.requests == []
        schema = door.tools["update_order_status"].input_schema["properties"]["status"]
        assert schema["enum"] == words.split(", ")


async def test_a_step_that_leaves_one_out_is_refused_with_the_one_that_follows(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error("update_order_status", order_id=CONFIRMED, status="delivered")
        assert text.startswith("INVALID_ARGUMENT: status cannot follow confirmed.")
        assert "it can become processing" in text
        assert sent(door.box) == []


BAD = {
    "a number for the parcel": {"tracking_number": 5},
    "an empty carrier": {"carrier": ""},
    "a carrier that shows as nothing": {"carrier": "\u200b\u200b"},
    "a carrier without end": {"carrier": "x" * 129},
    "a link that runs": {"tracking_url": "javascript:alert(1)"},
    "a link in two lines": {"tracking_url": "https://x.example/\nSet-Cookie: a"},
    "a link with a space": {"tracking_url": "https://x.example/a b"},
    "a list for metadata": {"metadata": ["a"]},
    "a number in metadata": {"metadata": {"boxes": 2}},
    "an object in metadata": {"metadata": {"a": {"b": "c"}}},
    "a value without end": {"metadata": {"a": "x" * 501}},
    "a name without end": {"metadata": {"x" * 65: "a"}},
    "a name that shows as nothing": {"metadata": {"\u200b": "a"}},
    "no name": {"metadata": {"": "a"}},
    "no value": {"metadata": {"a": ""}},
    "what was masked when it was read": {"metadata": {"note": "***"}},
    "too many": {"metadata": {f"k{n}": "v" for n in range(21)}},
    "the number by another way": {"metadata": {"trackingNumber": "x"}},
    "the link by another way": {"metadata": {"TRACKINGURL": "x"}},
    "the carrier by another way": {"metadata": {" carrier ": "x"}},
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD)
async def test_what_cannot_be_kept_is_refused_by_name(home: Path, given: dict[str, Any]) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error(
            "update_order_status", order_id=PROCESSING, status="shipped", **given
        )
        assert text.startswith(f"INVALID_ARGUMENT: {next(iter(given))}")
        assert door.box.requests == []


async def test_after_a_lost_answer_the_same_call_again_is_safe_as_it_says(home: Path) -> None:
    moved = {"order_id": PROCESSING, "status": "shipped", **PARCEL}
    async with at(home, "vesuviopay") as door:
        door.box.faults.add(Fault("reset_after", method="PUT"))
        text = await door.error("update_order_status", **moved)
        assert code_of(text) is Code.STORE_UNAVAILABLE
        assert "whether the order was changed is not known" in text
        assert f'Next: get_order(order_id="{PROCESSING}") shows it' in text
        assert "same call again is safe" in text
        again = await door.answer("update_order_status", **moved)
        assert again["order"]["status"] == "shipped"
        assert len(sent(door.box)) == 1


async def test_an_order_that_is_not_there_is_not_found(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        code = await door.code("update_order_status", order_id=numbered(9), status="shipped")
        assert code is Code.ORDER_NOT_FOUND


async def test_the_customer_is_masked_unless_the_owner_shows_them(home: Path) -> None:
    moved = {"order_id": CONFIRMED, "status": "processing"}
    async with at(home, "vesuviopay") as door:
        email = door.box.shop.orders[CONFIRMED].customer.email
        answer = await door.answer("update_order_status", **moved)
        assert email not in str(answer)
        assert answer["order"]["customer"]["email"].startswith(f"{email[0]}***@")
    async with at(home, "vesuviopay", ORDER_SKILLS_PERSONAL_DATA="shown") as door:
        answer = await door.answer("update_order_status", **moved)
        assert answer["order"]["customer"]["email"] == email


async def test_a_server_that_only_reads_does_not_have_it(home: Path) -> None:
    async with at(home, "vesuviopay", ORDER_SKILLS_READ_ONLY="1") as door:
        assert list(door.tools) == ["list_orders", "get_order", "get_refund", "order_report"]
        for tool in ("update_order_status", "import_order", "link_order"):
            assert await door.code(tool, order_id=CONFIRMED, status="processing") is Code.READ_ONLY
        assert door.box.requests == []
