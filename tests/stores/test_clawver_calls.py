"""Clawver's envelopes, lists, receipts, products and webhooks, in each shape they may have."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from order_skills.errors import Code, Happened, StoreError
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.base import Query
from order_skills.stores.clawver import Clawver
from order_skills.stores.reading import Unreadable


class Scripted:
    """A Clawver whose answers a test writes: the JSON, or status and JSON, for each request."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.requests: list[httpx2.Request] = []
        self.store = Clawver("shop", "claw_sk_x", transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(body).encode()))

    @property
    def asked(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]


@pytest.fixture
async def api() -> AsyncIterator[Scripted]:
    made = Scripted()
    yield made
    await made.store.aclose()


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"ord_{number}",
        "status": "paid",
        "totalInCents": 100,
        "createdAt": f"2026-02-{28 - number:02}T00:00:00Z",
        **changes,
    }


def page(*numbers: int, **more: Any) -> dict[str, Any]:
    return {"success": True, "data": {"orders": [row(n) for n in numbers]}, **more}


def paging(cursor: object, has_more: object, limit: object = 20) -> dict[str, Any]:
    return {"pagination": {"cursor": cursor, "hasMore": has_more, "limit": limit}}


# --- lists ----------------------------------------------------------------------------------

# The paging of an answer with two rows for a limit of 2 → is there more, and how to go on.
PAGING: dict[str, tuple[dict[str, Any], bool, str | None]] = {
    "in meta": ({"meta": paging("c1", True)}, True, ":c1"),
    "beside data": (paging("c1", True), True, ":c1"),
    "a cursor and no more": ({"meta": paging("c1", False)}, False, None),
    "more and no cursor": ({"meta": paging(None, True)}, True, None),
    "more and an empty cursor": ({"meta": paging("", True)}, True, None),
    "more by another word": ({"meta": paging("c1", "yes")}, True, None),
    "a cursor that is a number": ({"meta": paging(7, True)}, True, ":7"),
    "nothing": ({}, True, None),
    "meta null": ({"meta": None}, True, None),
    "meta a list": ({"meta": []}, True, None),
    "a smaller limit than asked": ({"meta": paging(None, None, 2)}, True, None),
}


@pytest.mark.parametrize(("more", "is_more", "onward"), PAGING.values(), ids=PAGING)
async def test_a_page_says_how_to_go_on_where_the_store_says_it(
    api: Scripted, more: dict[str, Any], is_more: bool, onward: str | None
) -> None:
    api.answers = [page(1, 2, **more)]
    found = await api.store.list_orders(Query(), limit=2, cursor=None)
    assert (found.more, found.cursor) == (is_more, onward)


async def test_fewer_rows_than_asked_are_all_there_is(api: Scripted) -> None:
    api.answers = [page(1, 2)]
    found = await api.store.list_orders(Query(), limit=20, cursor=None)
    assert (found.more, found.cursor) == (False, None)


async def test_a_store_that_gives_fewer_than_asked_is_not_taken_for_exhausted(
    api: Scripted,
) -> None:
    """Its maximum is not documented: it says what it served."""
    api.answers = [page(1, 2, meta=paging(None, None, 2))]
    found = await api.store.list_orders(Query(), limit=100, cursor=None)
    assert found.more is True


async def test_a_cursor_that_stands_still_is_not_followed(api: Scripted) -> None:
    api.answers = [page(1, 2, meta=paging("c1", True))]
    found = await api.store.list_orders(Query(), limit=2, cursor=":c1")
    assert found.cursor is None


async def test_a_cursor_goes_on_with_the_word_it_was_asked_with(api: Scripted) -> None:
    api.answers = [page(), page(1, 2, meta=paging("c1", True)), page(3)]
    first = await api.store.list_orders(Query(status="confirmed"), limit=2, cursor=None)
    assert first.cursor == "paid:c1"
    await api.store.list_orders(Query(status="confirmed"), limit=2, cursor=first.cursor)
    assert api.asked == [
        {"limit": "2", "status": "confirmed"},
        {"limit": "2", "status": "paid"},
        {"limit": "2", "status": "paid", "cursor": "c1"},
    ]


async def test_confirmed_orders_of_both_revisions_stand_in_one_list(api: Scripted) -> None:
    api.answers = [page(1, 4), page(2, 3)]
    found = await api.store.list_orders(Query(status="confirmed"), limit=3, cursor=None)
    assert [order.order_id for order in found.orders] == ["ord_1", "ord_2", "ord_3"]
    assert (found.more, found.cursor) == (True, None)


async def test_no_other_word_is_asked_for_twice(api: Scripted) -> None:
    for status in ("pending", "shipped", "refunded", None):
        api.answers = [page()]
        found = await api.store.list_orders(Query(status=status), limit=5, cursor=None)
        assert found.orders == ()
    assert len(api.requests) == 4


async def test_rows_that_cannot_be_read_are_counted(api: Scripted) -> None:
    broken = [row(2, totalInCents="100"), row(3, id=None), "ord_4", None, {}]
    api.answers = [{"success": True, "data": {"orders": [row(1), *broken]}}]
    found = await api.store.list_orders(Query(), limit=20, cursor=None)
    assert [order.order_id for order in found.orders] == ["ord_1"]
    assert found.unreadable == 5


async def test_a_page_is_full_when_every_row_says_all(api: Scripted) -> None:
    whole = {"items": [], "refunds": []}
    for rows, full in (
        ([row(1, **whole), row(2, **whole)], True),
        ([row(1, **whole), row(2, items=[])], False),
        ([row(1)], False),
    ):
        api.answers = [{"success": True, "data": {"orders": rows}}]
        assert (await api.store.list_orders(Query(), limit=9, cursor=None)).full is full


# --- envelopes ------------------------------------------------------------------------------

ENVELOPES: dict[str, Any] = {
    "null": None,
    "list": [],
    "text": "ok",
    "number": 5,
    "empty": {},
    "no data": {"success": True},
    "data null": {"success": True, "data": None},
    "data a list": {"success": True, "data": []},
    "success false": {"success": False, "data": {"order": row(1)}},
    "an error": {"success": False, "error": {"code": "CONFLICT", "message": "no"}},
    "no order": {"success": True, "data": {}},
    "order a list": {"success": True, "data": {"order": [row(1)]}},
    "another order": {"success": True, "data": {"order": row(2)}},
}


@pytest.mark.parametrize("body", ENVELOPES.values(), ids=ENVELOPES)
async def test_an_envelope_that_holds_no_order_is_a_bad_answer(api: Scripted, body: Any) -> None:
    api.answers = [body]
    with pytest.raises(StoreError) as caught:
        await api.store.get_order("ord_1")
    assert caught.value.code is Code.STORE_BAD_ANSWER


async def test_an_order_without_success_is_one_where_it_is_whole(api: Scripted) -> None:
    api.answers = [{"data": {"order": row(1)}}]
    assert (await api.store.get_order("ord_1")).order_id == "ord_1"


@pytest.mark.parametrize("body", ENVELOPES.values(), ids=ENVELOPES)
async def test_an_envelope_that_confirms_no_refund_leaves_it_in_doubt(
    api: Scripted, body: Any
) -> None:
    api.answers = [body]
    with pytest.raises(StoreError) as caught:
        await api.store.refund("ord_1", 50, "late")
    assert caught.value.happened is Happened.UNKNOWN
    assert len(api.requests) == 1


@pytest.mark.parametrize("code", ["RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "ANYTHING", None])
async def test_the_status_tells_the_error_and_its_words_do_not(
    api: Scripted, code: str | None
) -> None:
    """Both revisions have a code of their own for the same status."""
    body = {"success": False, "error": {"code": code, "message": "secret words"}}
    api.answers = [(429, body)]
    with pytest.raises(StoreError) as caught:
        await api.store.refund("ord_1", 50, "late")
    assert caught.value.code is Code.STORE_RATE_LIMITED
    assert "secret words" not in str(caught.value)


async def test_a_confirmation_without_refunds_says_nothing_of_them(api: Scripted) -> None:
    api.answers = [{"success": True, "data": {"order": row(1)}}]
    assert (await api.store.refund("ord_1", 50, "late")).refunds is None


# --- receipts -------------------------------------------------------------------------------

LINES = [
    {"id": "item_1", "productName": "Zine", "quantity": 1, "downloadToken": "dlt_1"},
    {"id": "item_2", "name": "Mug", "totalInCents": 1599},
]
RECEIPTS: dict[str, dict[str, Any]] = {
    "nested": {
        "order": {"id": "ord_1", "totalInCents": 2299, "orderStatusToken": "ost", "items": LINES}
    },
    "flat": {"orderId": "ord_1", "totalInCents": 2299, "orderStatusToken": "ost", "items": LINES},
    "under receipt": {
        "receipt": {
            "orderId": "ord_1",
            "totalInCents": 2299,
            "orderStatusToken": "ost",
            "items": LINES,
        }
    },
    "items beside the order": {
        "order": {"id": "ord_1", "totalInCents": 2299, "orderStatusToken": "ost"},
        "items": LINES,
    },
    "items by itemId": {
        "orderId": "ord_1",
        "totalInCents": 2299,
        "orderStatusToken": "ost",
        "items": [{**{k: v for k, v in i.items() if k != "id"}, "itemId": i["id"]} for i in LINES],
    },
}


@pytest.mark.parametrize("data", RECEIPTS.values(), ids=RECEIPTS)
def test_a_receipt_is_read_in_each_shape(data: dict[str, Any]) -> None:
    found = parsing.receipt(data, "chk_1")
    assert (found.checkout_id, found.order_id, found.total_minor) == ("chk_1", "ord_1", 2299)
    assert found.status_token == "ost"
    assert [(i.item_id, i.name, i.download_token) for i in found.items] == [
        ("item_1", "Zine", "dlt_1"),
        ("item_2", "Mug", None),
    ]


@pytest.mark.parametrize(
    "data", [{}, {"order": {}}, {"items": []}, {"checkoutId": "chk_1"}], ids=str
)
def test_what_holds_nothing_of_a_receipt_is_none(data: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        parsing.receipt(data, "chk_1")


def test_a_token_that_would_be_changed_is_no_token() -> None:
    tokens = ("a b", "a\x1bb", 5, "", None)
    lines = [{"id": f"i{n}", "downloadToken": token} for n, token in enumerate(tokens)]
    assert parsing.download_tokens({"items": lines}) == {}


# --- products -------------------------------------------------------------------------------

VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": (
        {
            "id": "tee-m",
            "name": "Size M",
            "size": "M",
            "priceInCents": 2499,
            "inStock": True,
            "printfulVariantId": "4012",
        },
        {
            "variant_id": "tee-m",
            "name": "Size M",
            "size": "M",
            "price_minor": 2499,
            "in_stock": True,
            "fulfilment_id": "4012",
        },
    ),
    "of the product's price": ({"id": "a"}, {"variant_id": "a", "name": "a", "price_minor": 900}),
    "free": ({"id": "a", "priceInCents": 0}, {"variant_id": "a", "name": "a", "price_minor": 0}),
    "the printer's number alone": (
        {"printfulVariantId": 4012},
        {"variant_id": "4012", "name": "4012", "price_minor": 900, "fulfilment_id": "4012"},
    ),
    "out of stock by a word": (
        {"id": "a", "inStock": True, "availabilityStatus": "out_of_stock"},
        {"variant_id": "a", "name": "a", "price_minor": 900, "in_stock": False},
    ),
    "stock as a text": (
        {"id": "a", "inStock": "yes"},
        {"variant_id": "a", "name": "a", "price_minor": 900},
    ),
}


@pytest.mark.parametrize(("raw", "expected"), VARIANTS.values(), ids=VARIANTS)
def test_a_variant(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    made = {"id": "p", "priceInCents": 900, "printOnDemand": {"variants": [raw]}}
    (found,) = parsing.product(made).variants or ()
    assert found.model_dump(exclude_none=True) == expected


@pytest.mark.parametrize("printed", [None, {}, [], {"variants": None}, {"variants": {}}], ids=str)
def test_variants_that_are_not_said_are_not_none_at_all(printed: object) -> None:
    assert parsing.product({"id": "p", "printOnDemand": printed}).variants is None
    assert parsing.product({"id": "p", "printOnDemand": {"variants": []}}).variants == ()


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"id": None},
        {"id": "p", "priceInCents": "9.00"},
        {"id": "p", "printOnDemand": {"variants": [{}]}},
        {"id": "p", "printOnDemand": {"variants": [{"id": "a", "priceInCents": -1}]}},
    ],
    ids=str,
)
def test_a_product_whose_money_or_id_cannot_be_read_is_none(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        parsing.product(raw)


# --- webhooks -------------------------------------------------------------------------------

HOOK = {"id": "wh_1", "url": "https://h.example/x", "events": ["order.paid"], "active": True}


@pytest.mark.parametrize("data", [HOOK, {"webhook": HOOK}], ids=["flat", "nested"])
async def test_a_webhook_is_confirmed_in_each_shape(api: Scripted, data: dict[str, Any]) -> None:
    api.answers = [(201, {"success": True, "data": data})]
    made = await api.store.create_webhook("https://h.example/x", ("order.paid",), "s" * 16)
    assert (made.webhook_id, made.url, made.events, made.active) == (
        "wh_1",
        "https://h.example/x",
        ("order.paid",),
        True,
    )
    assert json.loads(api.requests[0].content) == {
        "url": "https://h.example/x",
        "events": ["order.paid"],
        "secret": "s" * 16,
    }


@pytest.mark.parametrize("data", [None, {}, {"webhook": {}}, {"id": "wh_1"}, []], ids=str)
async def test_a_webhook_that_is_not_confirmed_may_have_been_made(
    api: Scripted, data: object
) -> None:
    api.answers = [{"success": True, "data": data}]
    with pytest.raises(StoreError) as caught:
        await api.store.create_webhook("https://h.example/x", (), "s" * 16)
    assert caught.value.happened is Happened.UNKNOWN
    assert len(api.requests) == 1


async def test_a_list_of_webhooks_leaves_out_what_is_none(api: Scripted) -> None:
    hooks = [HOOK, {}, None, {"id": "wh_2"}, {**HOOK, "id": "wh_3", "events": None, "active": 1}]
    api.answers = [{"success": True, "data": {"webhooks": hooks}}]
    one, three = await api.store.list_webhooks()
    assert (one.webhook_id, three.webhook_id) == ("wh_1", "wh_3")
    assert (three.events, three.active) == ((), None)


async def test_a_webhook_is_deleted_by_its_id(api: Scripted) -> None:
    api.answers = [{"success": True, "data": {"id": "wh_1", "deleted": True}}]
    await api.store.delete_webhook("wh_1")
    (request,) = api.requests
    assert (request.method, request.url.path) == ("DELETE", "/v1/webhooks/wh_1")


async def test_a_deletion_may_be_answered_with_nothing_and_a_reading_may_not() -> None:
    def nothing(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(204, stream=httpx2.ByteStream(b""))

    store = Clawver("shop", "claw_sk_x", transport=httpx2.MockTransport(nothing))
    await store.delete_webhook("wh_1")
    with pytest.raises(StoreError) as caught:
        await store.get_order("ord_1")
    assert caught.value.code is Code.STORE_BAD_ANSWER
    await store.aclose()
