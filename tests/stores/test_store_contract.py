"""What every store is to the rest of the package, whatever its platform: one suite for all."""

import re
from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx
import pytest
from platforms import PLATFORMS, Platform, Recording, store_of

from order_skills import money
from order_skills.errors import AgentError, Code, Happened, StoreError
from order_skills.orders import ORDER_STATUSES, PAYMENT_STATUSES, Order, PaymentStatus
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.base import Capabilities, Query, Store

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Longer than a call has, so that no reading is tried again.
NO_RETRY = {"retry-after": "300"}


@pytest.fixture(params=PLATFORMS, ids=lambda platform: platform.name)
def platform(request: pytest.FixtureRequest) -> Platform:
    found: Platform = request.param
    return found


@pytest.fixture
def box(platform: Platform) -> Sandbox:
    return Sandbox(platform=platform.name)


@pytest.fixture
async def store(platform: Platform, box: Sandbox) -> AsyncIterator[Store]:
    opened = store_of(platform, box)
    yield opened
    await opened.aclose()


async def failure(call: Any) -> StoreError:
    """The error that a call ends with, which an agent can read."""
    with pytest.raises(StoreError) as caught:
        await call
    assert re.fullmatch(r"[A-Z_]+: .+ Next: .+", str(caught.value))
    return caught.value


# --- what it says of itself -----------------------------------------------------------------


def test_its_capabilities_are_of_its_platform(store: Store, platform: Platform) -> None:
    found = store.capabilities
    assert isinstance(found, Capabilities)
    assert found.platform == platform.name
    assert found.title
    assert set(found.statuses) <= set(ORDER_STATUSES) - {"unknown"}
    assert found.refundable_payment <= set(get_args(PaymentStatus))
    assert not found.refundable_payment & {"unknown", "pending", "failed", "refunded", "disputed"}
    assert found.page_limit >= 1
    assert bool(found.refundable_payment | found.refundable_status) is found.refunds


def test_its_account_names_platform_and_address_and_no_key(
    platform: Platform, box: Sandbox
) -> None:
    one, again = store_of(platform, box), store_of(platform, box)
    assert one.account == again.account
    assert platform.name in one.account
    assert "http://127.0.0.1" in one.account
    rotated = store_of(platform, box, key=box.api_key + "x")
    assert rotated.account == one.account
    transport = httpx.ASGITransport(app=box.app)
    elsewhere = platform.open("shop", box.api_key, url="https://x.example", transport=transport)
    other_name = platform.open("other", box.api_key, url="http://127.0.0.1", transport=transport)
    assert len({one.account, elsewhere.account, other_name.account}) == 3
    given = store_of(platform, box, account="a sandbox of its own")
    assert given.account == "a sandbox of its own"


def test_the_key_shows_nowhere(platform: Platform, box: Sandbox) -> None:
    store = store_of(platform, box)
    assert box.api_key not in repr(store) + str(store) + store.account + repr(store.capabilities)


async def test_making_it_opens_nothing_and_closing_it_twice_is_harmless(
    platform: Platform, box: Sandbox
) -> None:
    store = store_of(platform, box)
    await store.aclose()
    await store.aclose()
    assert box.requests == []
    # It opens again when it is needed again.
    assert (await store.get_order(platform.paid)).order_id == platform.paid
    await store.aclose()


async def test_a_check_is_one_reading_request(store: Store, box: Sandbox) -> None:
    await store.check()
    assert [request.method for request in box.requests] == ["GET"]
    box.faults.add(Fault("status", code=401))
    assert (await failure(store.check())).code is Code.STORE_UNAUTHORIZED


# --- reading orders -------------------------------------------------------------------------


def assert_is_order(order: Order, store: Store) -> None:
    assert order.store == store.name
    assert order.status in {*store.capabilities.statuses, "unknown"}
    assert order.payment_status in PAYMENT_STATUSES
    assert money.is_currency(order.currency)
    assert TIME.fullmatch(order.created_at)
    amounts = [order.total_minor, order.subtotal_minor, order.refunded_minor, order.remaining_minor]
    amounts += [item.total_minor for item in order.items or ()]
    amounts += [refund.amount_minor for refund in order.refunds or ()]
    assert all(amount is None or money.is_minor(amount) for amount in amounts)
    if order.refunded_minor is not None:
        assert order.refunds is None or order.refunded_minor == sum(
            refund.amount_minor for refund in order.refunds
        )
        assert order.remaining_minor == max(order.total_minor - order.refunded_minor, 0)


async def test_every_order_of_the_list_can_be_read_and_agrees_with_its_row(store: Store) -> None:
    page = await store.list_orders(Query(), limit=100, cursor=None)
    assert len(page.orders) >= 50
    assert page.unreadable == 0
    for row in page.orders:
        assert_is_order(row, store)
        order = await store.get_order(row.order_id)
        assert_is_order(order, store)
        assert (order.total_minor, order.created_at) == (row.total_minor, row.created_at)
        assert (order.status, order.currency) == (row.status, row.currency)
        assert order.items
        assert order.refunds is not None


async def test_the_list_is_newest_first(store: Store) -> None:
    page = await store.list_orders(Query(), limit=100, cursor=None)
    times = [order.created_at for order in page.orders]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("limit", [1, 5, 50])
async def test_a_page_has_at_most_as_many_orders_as_asked_and_says_if_there_are_more(
    store: Store, limit: int
) -> None:
    page = await store.list_orders(Query(), limit=limit, cursor=None)
    assert len(page.orders) == limit
    assert page.more is True


async def test_a_filter_by_status_gives_that_status_alone(store: Store) -> None:
    for status in store.capabilities.statuses:
        page = await store.list_orders(Query(status=status), limit=100, cursor=None)
        assert {order.status for order in page.orders} <= {status}


@pytest.mark.parametrize("order_id", ["..", ".", "", "a/b", "a?b", "a%2fb", "a\nb", "é", "x" * 129])
async def test_an_id_that_could_change_the_path_is_never_sent(
    store: Store, box: Sandbox, order_id: str
) -> None:
    """The tools refuse it before; this is the second lock."""
    for call in (
        store.get_order(order_id),
        store.refund(order_id, 1, "late"),
        store.product(order_id),
        store.receipt(order_id),
        store.download(order_id, "item"),
        store.download("order", order_id),
        store.customer_links(order_id),
        store.delete_webhook(order_id),
    ):
        with pytest.raises((ValueError, AgentError)):
            await call
    assert box.requests == []


# --- refunding ------------------------------------------------------------------------------


async def test_a_refund_is_one_request_with_amount_and_reason(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    sent = await store.refund(platform.paid, 500, "came late [rr_0000000000]")
    (request,) = box.requests
    assert (request.method, request.path) == ("POST", platform.refund.format(platform.paid))
    assert 500 in request.body.values()
    assert "came late [rr_0000000000]" in request.body.values()
    assert sent.refunds is not None
    (made,) = sent.refunds
    assert (made.amount_minor, made.reason) == (500, "came late [rr_0000000000]")
    read = await store.get_order(platform.paid)
    assert read.refunds == sent.refunds


# What a single POST can end with → whether it may have happened. Only what is certain is NO.
HAPPENED: dict[str, tuple[Fault, Happened]] = {
    **{
        str(code): (Fault("status", method="POST", code=code), Happened.NO)
        for code in (400, 401, 403, 404, 405, 413, 415)
    },
    "429": (Fault("rate_limited", method="POST"), Happened.NO),
    **{
        str(code): (Fault("status", method="POST", code=code), Happened.UNKNOWN)
        for code in (408, 409, 422, 425, 500, 502, 503, 504)
    },
    "302": (Fault("redirect", method="POST", location="/x"), Happened.UNKNOWN),
    "reset before": (Fault("reset_before", method="POST"), Happened.UNKNOWN),
    "reset after": (Fault("reset_after", method="POST"), Happened.UNKNOWN),
    "no JSON": (Fault("malformed", method="POST", what="html"), Happened.UNKNOWN),
    "success false": (Fault("success_false", method="POST"), Happened.UNKNOWN),
}


@pytest.mark.parametrize(("fault", "happened"), HAPPENED.values(), ids=HAPPENED)
async def test_a_refund_that_fails_says_whether_it_may_have_happened(
    store: Store, box: Sandbox, platform: Platform, fault: Fault, happened: Happened
) -> None:
    box.faults.add(Fault(fault.kind, fault.method, **fault.params))
    error = await failure(store.refund(platform.paid, 500, "late"))
    assert error.happened is happened
    assert box.request_count() == 1


# --- errors ---------------------------------------------------------------------------------

CODES: dict[int, Code] = {
    400: Code.STORE_REJECTED,
    409: Code.STORE_REJECTED,
    422: Code.STORE_REJECTED,
    401: Code.STORE_UNAUTHORIZED,
    403: Code.STORE_FORBIDDEN,
    404: Code.ORDER_NOT_FOUND,
    429: Code.STORE_RATE_LIMITED,
    503: Code.STORE_UNAVAILABLE,
    418: Code.STORE_BAD_ANSWER,
}


@pytest.mark.parametrize(("status", "code"), CODES.items())
async def test_a_status_has_its_code_whatever_the_body_says(
    store: Store, box: Sandbox, platform: Platform, status: int, code: Code
) -> None:
    for body in (None, "", "<html>", "null", {"success": True, "data": {}}, {"error": "text"}):
        box.faults.add(Fault("status", code=status, body=body, headers=NO_RETRY))
        error = await failure(store.get_order(platform.paid))
        assert (error.code, error.status) == (code, status)
        assert error.happened is Happened.NO


async def test_what_is_missing_has_the_code_of_what_was_asked(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    for call, code in (
        (store.get_order("absent"), Code.ORDER_NOT_FOUND),
        (store.refund("absent", 1, "late"), Code.ORDER_NOT_FOUND),
        (store.download("absent", "absent"), Code.ITEM_NOT_FOUND),
        (store.download(platform.downloaded, "absent"), Code.ITEM_NOT_FOUND),
        (store.receipt("absent"), Code.RECEIPT_NOT_FOUND),
        (store.product("absent"), Code.NOT_SUPPORTED),
    ):
        assert (await failure(call)).code is code


# --- files, receipts, products, webhooks ----------------------------------------------------


async def test_public_calls_are_made_without_the_key_and_all_others_with_it(
    platform: Platform, box: Sandbox
) -> None:
    transport = Recording(box)
    store = store_of(platform, box, transport=transport)
    await store.receipt(platform.checkout)
    (public,) = transport.requests
    assert not [value for value in public.headers.values() if box.api_key in value]
    await store.get_order(platform.paid)
    await store.download(platform.downloaded, platform.item)
    await store.list_orders(Query(), limit=1, cursor=None)
    for request in transport.requests[1:]:
        assert [value for value in request.headers.values() if box.api_key in value]
        assert box.api_key not in str(request.url)
    await store.aclose()


async def test_links_lead_to_the_file_without_a_key(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    owner = await store.download(platform.downloaded, platform.item)
    customer = await store.customer_links(platform.downloaded)
    assert customer.order == await store.get_order(platform.downloaded)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=box.app)) as anybody:
        assert (await anybody.get(owner.url)).status_code == 200
        assert (await anybody.get(customer.links[platform.item])).status_code == 200
    assert box.api_key not in owner.url + customer.links[platform.item]


async def test_a_receipt_names_its_order_and_items(store: Store, platform: Platform) -> None:
    receipt = await store.receipt(platform.checkout)
    order = await store.get_order(platform.downloaded)
    assert receipt.order_id == order.order_id
    assert receipt.total_minor == order.total_minor
    assert [i.item_id for i in receipt.items] == [i.item_id for i in order.items or ()]


async def test_a_product_has_the_variant_that_was_bought(store: Store, platform: Platform) -> None:
    product = await store.product(platform.product)
    order = await store.get_order(platform.printed)
    bought = {i.variant_id for i in order.items or ()}
    ids = {v.variant_id for v in product.variants or ()}
    ids |= {v.fulfilment_id for v in product.variants or () if v.fulfilment_id}
    assert bought <= ids


async def test_webhooks_are_made_listed_and_deleted(store: Store) -> None:
    assert await store.list_webhooks() == ()
    url, secret = "https://hooks.example/clawver", "s" * 32
    made = await store.create_webhook(url, ("order.paid", "order.refunded"), secret)
    assert (made.url, made.events) == (url, ("order.paid", "order.refunded"))
    assert secret not in repr(made)
    (listed,) = await store.list_webhooks()
    assert listed.webhook_id == made.webhook_id
    await store.delete_webhook(made.webhook_id)
    assert await store.list_webhooks() == ()
    assert (await failure(store.delete_webhook(made.webhook_id))).code is Code.NOT_SUPPORTED
