"""import_order and link_order: orders that were made elsewhere, once each."""

from pathlib import Path
from typing import Any

import pytest
from platform_doors import at, sent

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.values import guid, numbered
from support import code_of, edited, open_door

PLAIN, LINKED = numbered(1001), numbered(1003)
TEE = {
    "external_product_id": "prod_tee",
    "external_variant_id": "tee-m",
    "quantity": 2,
    "price_minor": 2999,
}
ORDER: dict[str, Any] = {
    "external_order_id": "shop_9001",
    "items": [TEE],
    "total_minor": 6498,
    "customer": {"name": "Kim Ray", "email": "kim@example.com", "phone": "+44 20 7946 0000"},
}


async def test_an_order_from_elsewhere_is_written_down_in_the_stores_currency(
    home: Path, era: str
) -> None:
    async with at(home, "vesuviopay", era=era) as door:
        answer = await door.answer(
            "import_order", **ORDER, platform_name="Shopify", platform_order_number="#9001"
        )
        order = answer["order"]
        assert answer["already_existed"] is False
        assert (order["total_minor"], order["currency"]) == (6498, "EUR")
        assert [(i["quantity"], i["unit_price_minor"]) for i in order["items"]] == [(2, 2999)]
        assert order["platform"]["external_id"] == "shop_9001"
        (request,) = sent(door.box)
        assert (request.method, request.path) == ("POST", "/api/v1/orders")
        assert request.body == {
            "externalOrderId": "shop_9001",
            "customerInfo": {
                "name": "Kim Ray",
                "email": "kim@example.com",
                "phoneNumber": "+44 20 7946 0000",
            },
            "items": [
                {
                    "externalProductId": "prod_tee",
                    "externalVariantId": "tee-m",
                    "quantity": 2,
                    "price": 29.99,
                }
            ],
            "total": 64.98,
            "metadata": {"platformName": "Shopify", "platformOrderNumber": "#9001"},
        }


async def test_the_same_order_again_makes_no_second_one(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        before = len(door.box.shop.orders)
        first = await door.answer("import_order", **ORDER)
        again = await door.answer("import_order", **ORDER)
        assert (first["already_existed"], again["already_existed"]) == (False, True)
        assert again["order"]["order_id"] == first["order"]["order_id"]
        assert len(door.box.shop.orders) == before + 1


async def test_another_order_under_the_same_id_is_refused(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        await door.answer("import_order", **ORDER)
        text = await door.error("import_order", **{**ORDER, "total_minor": 100})
        assert code_of(text) is Code.STORE_REJECTED
        assert "64.98 EUR" in text


async def test_after_a_lost_answer_the_same_call_again_finds_it(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        before = len(door.box.shop.orders)
        door.box.faults.add(Fault("reset_after", method="POST"))
        text = await door.error("import_order", **ORDER)
        assert "Next: make the same call again" in text
        assert (await door.answer("import_order", **ORDER))["already_existed"] is True
        assert len(door.box.shop.orders) == before + 1


async def test_a_buyer_that_the_store_knows_is_named_by_id(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        known = door.box.shop.orders[PLAIN].customer
        given = {name: value for name, value in ORDER.items() if name != "customer"}
        answer = await door.answer("import_order", **given, customer_id=known.id)
        assert answer["order"]["customer"]["customer_id"] == known.id
        assert known.email not in str(answer)
        code = await door.code(
            "import_order",
            **{**given, "external_order_id": "shop_9002"},
            customer_id=guid("nobody"),
        )
        assert code is Code.STORE_REJECTED


BAD = {
    "nobody": ({"customer": None}, "customer_id, customer must be given as exactly one of them"),
    "two buyers": ({"customer_id": "c1"}, "customer_id, customer must be given as exactly one"),
    "an empty buyer": ({"customer": {}}, "customer must hold a name, an email or a phone"),
    "a buyer's other facts": ({"customer": {"card": "4111"}}, "customer.card is not an argument"),
    "a buyer as text": ({"customer": "kim@example.com"}, "customer must be an object"),
    "a masked address": ({"customer": {"email": "k***@example.com"}}, "customer.email must be who"),
    "no items": ({"items": []}, "items must hold at least 1"),
    "too many items": ({"items": [TEE] * 101}, "items must hold at most 100"),
    "no pieces": ({"items": [{**TEE, "quantity": 0}]}, "items.0.quantity must be at least 1"),
    "half a piece": ({"items": [{**TEE, "quantity": 0.5}]}, "items.0.quantity must be a whole"),
    "a price in text": ({"items": [{**TEE, "price_minor": "5"}]}, "items.0.price_minor must be a"),
    "a price with decimals": ({"items": [{**TEE, "price_minor": 5.5}]}, "items.0.price_minor must"),
    "a negative price": ({"items": [{**TEE, "price_minor": -1}]}, "items.0.price_minor must be at"),
    "more of an item": ({"items": [{**TEE, "sku": "x"}]}, "items.0.sku is not an argument"),
    "a total that is true": ({"total_minor": True}, "total_minor must be a whole number"),
    "a path for an id": ({"external_order_id": "../x"}, "external_order_id does not have the form"),
    "a currency": ({"currency": "USD"}, "currency is not an argument"),
    "a refunded order": ({"status": "refunded"}, "status must be one of"),
}


@pytest.mark.parametrize(("change", "problem"), BAD.values(), ids=BAD)
async def test_what_is_no_order_is_refused_by_name_with_no_request(
    home: Path, change: dict[str, Any], problem: str
) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error("import_order", **{**ORDER, **change})
        assert text.startswith(f"INVALID_ARGUMENT: {problem}")
        assert door.box.requests == []


async def test_without_a_currency_to_go_by_nothing_is_imported(home: Path) -> None:
    """The store takes amounts as decimals: in another currency they would mean other amounts."""
    async with at(home, "vesuviopay", data={"currency": "EUR", "orders": []}) as door:
        text = await door.error("import_order", **ORDER)
        assert code_of(text) is Code.NOT_SUPPORTED
        assert "this store has no order yet" in text
        assert 'set `currency = "EUR"`' in text
        assert sent(door.box) == []
    async with at(home, "vesuviopay") as door:
        door.box.faults.add(edited("/api/v1/orders", data__orders__1__currency="USD"))
        text = await door.error("import_order", **ORDER)
        assert "several currencies (EUR, USD)" in text
        assert sent(door.box) == []


@pytest.mark.parametrize(("orders", "imported"), [([], True), (None, False)])
async def test_before_there_is_an_order_the_owners_word_for_the_currency_counts(
    home: Path, orders: list[Any] | None, imported: bool
) -> None:
    """Against the orders that are there it does not: then nobody knows."""
    product = {"id": "prod_tee", "name": "Tee", "type": "digital", "price_minor": 2999}
    empty = {"currency": "USD", "products": [product], "orders": orders}
    box = Sandbox("vesuviopay", data=None if orders is None else empty)
    config = f'[stores.main]\nplatform = "vesuviopay"\nkey = "{box.api_key}"\ncurrency = "USD"\n'
    line = {"external_product_id": "prod_tee", "quantity": 2, "price_minor": 2999}
    async with open_door(home, box=box, config=config) as door:
        if imported:
            answer = await door.answer("import_order", **{**ORDER, "items": [line]})
            assert answer["order"]["currency"] == "USD"
        else:
            text = await door.error("import_order", **ORDER)
            assert "several currencies (EUR, USD)" in text
            assert sent(box) == []


async def test_the_currencys_own_decimals_are_sent(home: Path) -> None:
    product = {"id": "prod_tee", "name": "Tee", "type": "digital", "price_minor": 700}
    order = {
        "id": PLAIN,
        "status": "confirmed",
        "hours_ago": 1,
        "customer": {"email": "a@example.com"},
        "items": [{"product_id": "prod_tee"}],
    }
    data = {"currency": "JPY", "products": [product], "orders": [order]}
    item = {"external_product_id": "prod_tee", "quantity": 1, "price_minor": 700}
    async with at(home, "vesuviopay", data=data) as door:
        answer = await door.answer("import_order", **{**ORDER, "items": [item], "total_minor": 700})
        assert (answer["order"]["total_minor"], answer["order"]["currency"]) == (700, "JPY")
        assert sent(door.box)[0].body["total"] == 700


async def test_a_variant_that_the_store_lacks_is_named(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        items = [{**TEE, "external_variant_id": "tee-xxxl"}]
        assert await door.code("import_order", **{**ORDER, "items": items}) is Code.ITEM_NOT_FOUND


# --- link_order -----------------------------------------------------------------------------


async def test_an_order_is_linked_once_and_found_by_either_id(home: Path, era: str) -> None:
    link = {"order_id": PLAIN, "external_order_id": "shop_77", "platform_name": "Shopify"}
    async with at(home, "vesuviopay", era=era) as door:
        answer = await door.answer("link_order", **link)
        assert set(answer) == {"order"}
        assert answer["order"]["platform"]["external_id"] == "shop_77"
        assert "already_done" not in answer
        again = await door.answer("link_order", **link)
        assert again["already_done"] is True
        assert again["order"]["order_id"] == PLAIN
        (request,) = sent(door.box)
        assert request.body == {"externalOrderId": "shop_77", "platformName": "Shopify"}
        assert (await door.answer("get_order", order_id="shop_77"))["order_id"] == PLAIN


async def test_a_link_that_is_there_is_not_changed(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        text = await door.error(
            "link_order", order_id=LINKED, external_order_id="shop_77", platform_name="Shopify"
        )
        assert text.startswith("INVALID_ARGUMENT: external_order_id cannot be given")
        assert sent(door.box) == []


async def test_an_id_that_another_order_has_is_refused(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        code = await door.code(
            "link_order",
            order_id=PLAIN,
            external_order_id="shop_order_1003",
            platform_name="Shopify",
        )
        assert code is Code.STORE_REJECTED


async def test_a_link_whose_answer_was_lost_says_how_to_see_it(home: Path) -> None:
    link = {"order_id": PLAIN, "external_order_id": "shop_77", "platform_name": "Shopify"}
    async with at(home, "vesuviopay") as door:
        door.box.faults.add(Fault("reset_after", method="PUT"))
        text = await door.error("link_order", **link)
        assert f'get_order(order_id="{PLAIN}") shows it' in text
        answer = await door.answer("link_order", **link)
        assert answer["order"]["platform"]["external_id"] == "shop_77"
        assert len(sent(door.box)) == 1
