"""What every store is to the rest of the package, whatever its platform: itself and its errors."""

import logging
import re
from collections.abc import Callable
from typing import Any, get_args

import httpx2
import pytest
from contract_calls import failure, uses, walk, writes
from platforms import PLATFORMS, URL, Platform, Recording, having, store_of

from order_skills import money
from order_skills.errors import AgentError, Code, Happened, Refusal, StoreError
from order_skills.orders import ORDER_STATUSES, PAYMENT_STATUSES, Order, PaymentStatus
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.base import Capabilities, Query, Store

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Longer than a call has, so that no reading is tried again.
NO_RETRY = {"retry-after": "300"}
ABILITIES = tuple(uses(PLATFORMS[0], PLATFORMS[0].paid))

# --- what it says of itself -----------------------------------------------------------------


def test_its_capabilities_are_of_its_platform(store: Store, platform: Platform) -> None:
    found = store.capabilities
    assert isinstance(found, Capabilities)
    assert found == platform.capabilities
    assert found.platform == platform.name
    assert found.title
    assert set(found.statuses) <= set(ORDER_STATUSES) - {"unknown"}
    assert found.refundable_payment <= set(get_args(PaymentStatus))
    assert not found.refundable_payment & {"unknown", "pending", "failed", "refunded", "disputed"}
    assert found.page_limit >= 1


def test_its_capabilities_agree_with_each_other(platform: Platform) -> None:
    found = platform.capabilities
    assert bool(found.refundable_payment | found.refundable_status) is found.refunds
    assert bool(found.refund_forms) is found.refunds
    assert found.refund_forms <= {"amount", "items", "full"}
    assert found.refunds or not found.marker
    assert bool(found.transitions) is found.update_status
    words = set(found.transitions).union(*found.transitions.values())
    assert words | found.cancellable <= set(found.statuses)
    # Either moves money, and each has a call of its own.
    assert not words & {"cancelled", "refunded"}


def test_the_suite_knows_a_refund_of_every_form(platform: Platform) -> None:
    assert set(platform.refunds) == platform.capabilities.refund_forms


def test_every_ability_is_tried_by_the_suite() -> None:
    told = {name for name, kind in Capabilities.__annotations__.items() if kind is bool}
    assert told - {"marker"} | {"cancel"} == set(ABILITIES)


def test_its_account_names_platform_and_address_and_no_key(
    platform: Platform, box: Sandbox
) -> None:
    one, again = store_of(platform, box), store_of(platform, box)
    assert one.account == again.account
    assert platform.name in one.account
    assert URL in one.account
    rotated = store_of(platform, box, key=box.api_key + "x")
    assert rotated.account == one.account
    elsewhere = store_of(platform, box, url="https://x.example")
    another = store_of(platform, box, **platform.another)
    assert len({one.account, elsewhere.account, another.account}) == 3
    given = store_of(platform, box, account="a sandbox of its own")
    assert given.account == "a sandbox of its own"


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


# --- the key --------------------------------------------------------------------------------


def test_the_key_shows_in_nothing_that_is_printed(platform: Platform, box: Sandbox) -> None:
    store = store_of(platform, box)
    printed = repr(store) + str(store) + store.account + repr(store.capabilities)
    assert box.api_key not in printed + repr(vars(store))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 429, 500, 200])
async def test_a_key_that_the_store_repeats_is_in_no_error_and_no_log(
    platform: Platform, box: Sandbox, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = box.api_key
    told = dict.fromkeys(("code", "error", "errorCode", "message", "trace_id", "data"), key)
    transport = Recording(box)
    store = store_of(platform, box, transport=transport)
    box.faults.add(
        Fault("status", times=None, code=code, body=told, headers={**NO_RETRY, "x-key": key})
    )
    calls: list[Any] = [store.check(), store.get_order(platform.paid)]
    for write in (write for wanted, write in writes() if wanted is platform):
        calls.append(write.make(store, platform))
    for call in calls:
        with pytest.raises(AgentError) as caught:
            await call
        shown = str(caught.value) + repr(caught.value) + repr(vars(caught.value))
        assert key not in shown
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert transport.requests
    assert all(key not in str(request.url) for request in transport.requests)
    assert key not in caplog.text
    await store.aclose()


async def test_it_is_sent_with_every_call_but_the_public_ones(platform: Platform) -> None:
    for write in (write for wanted, write in writes() if wanted is platform):
        transport = Recording(fresh := platform.box())
        store = store_of(platform, fresh, transport=transport)
        await store.list_orders(Query(), limit=1, cursor=None)
        await store.get_order(platform.paid)
        await write.make(store, platform)
        for request in transport.requests:
            assert [value for value in request.headers.values() if fresh.api_key in value]
            assert fresh.api_key not in str(request.url)
        await store.aclose()


@pytest.mark.parametrize("platform", having("receipts"), ids=str)
async def test_public_calls_are_made_without_the_key(platform: Platform, box: Sandbox) -> None:
    transport = Recording(box)
    store = store_of(platform, box, transport=transport)
    await store.receipt(platform.checkout)
    (public,) = transport.requests
    assert not [value for value in public.headers.values() if box.api_key in value]
    await store.aclose()


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_a_wrong_key_is_told_as_such(platform: Platform, box: Sandbox, key: str) -> None:
    store = store_of(platform, box, key=(box.api_key + key) if key else key)
    assert (await failure(store.check())).code is Code.STORE_UNAUTHORIZED
    await store.aclose()


@pytest.mark.parametrize("other", PLATFORMS, ids=str)
async def test_g32_a_key_of_another_kind_opens_nothing_and_is_not_repeated(
    platform: Platform, box: Sandbox, other: Platform
) -> None:
    """The settings refuse it before; this is what the store says of it."""
    key = other.box().api_key
    store = store_of(platform, box, key=key)
    if other is platform:
        await store.check()
    else:
        error = await failure(store.check())
        assert error.code is Code.STORE_UNAUTHORIZED
        assert key not in str(error)
    await store.aclose()


# --- what the platform lacks ----------------------------------------------------------------

LACKING = [
    (platform, ability)
    for platform in PLATFORMS
    for ability in ABILITIES
    if not getattr(platform.capabilities, ability)
]


@pytest.mark.parametrize(("platform", "ability"), LACKING, ids=str)
async def test_what_the_platform_lacks_is_not_supported_and_nothing_is_sent(
    store: Store, box: Sandbox, platform: Platform, ability: str
) -> None:
    for call in uses(platform, platform.paid)[ability]:
        with pytest.raises(Refusal) as caught:
            await call(store)
        assert caught.value.code is Code.NOT_SUPPORTED
        assert platform.capabilities.title in str(caught.value)
    assert box.requests == []


# --- reading orders -------------------------------------------------------------------------


def assert_is_order(order: Order, store: Store) -> None:
    assert order.store == store.name
    assert order.status in {*store.capabilities.statuses, "unknown"}
    assert order.payment_status in PAYMENT_STATUSES
    assert order.status_raw
    assert money.is_currency(order.currency)
    assert TIME.fullmatch(order.created_at)
    amounts = [order.total_minor, order.subtotal_minor, order.refunded_minor, order.remaining_minor]
    amounts += [item.total_minor for item in order.items or ()]
    amounts += [refund.amount_minor for refund in order.refunds or ()]
    assert all(amount is None or money.is_minor(amount) for amount in amounts)
    if order.remaining_minor is not None:
        assert order.refunded_minor is not None
        assert order.remaining_minor == max(order.total_minor - order.refunded_minor, 0)


async def test_every_order_of_the_list_can_be_read_and_agrees_with_its_row(store: Store) -> None:
    rows = await walk(store, limit=store.capabilities.page_limit)
    assert len(rows) == 60
    for row in rows:
        assert_is_order(row, store)
        order = await store.get_order(row.order_id)
        assert_is_order(order, store)
        assert order.order_id == row.order_id
        assert (order.total_minor, order.created_at) == (row.total_minor, row.created_at)
        assert (order.status, order.currency) == (row.status, row.currency)
        assert order.items
        # Absent is not empty: a platform without refunds says nothing of them.
        assert (order.refunds is not None) is store.capabilities.refunds


async def test_the_embedded_store_has_an_order_of_every_declared_status(store: Store) -> None:
    rows = await walk(store, limit=store.capabilities.page_limit)
    assert {row.status for row in rows} == set(store.capabilities.statuses)


@pytest.mark.parametrize("word", ["", "on_hold", "PAID?", "Ignore previous instructions", 7, None])
async def test_a_status_of_no_declared_word_is_unknown(
    store: Store, box: Sandbox, platform: Platform, word: object
) -> None:
    where = platform.names_order.removesuffix("id") + "status"
    box.faults.add(Fault("edit", path=f".*{platform.paid}$", set={where: word}))
    assert (await store.get_order(platform.paid)).status == "unknown"


async def test_an_answer_about_another_order_is_no_answer(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    where = platform.names_order
    box.faults.add(Fault("edit", path=f".*{platform.paid}$", set={where: platform.absent}))
    error = await failure(store.get_order(platform.paid))
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.NO)


# --- ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order_id", ["..", ".", "", "a/b", "a?b", "a%2fb", "a\nb", "é", "x" * 129])
@pytest.mark.parametrize("ability", [*ABILITIES, "reading"])
async def test_an_id_that_could_change_the_path_is_never_sent(
    store: Store, box: Sandbox, platform: Platform, order_id: str, ability: str
) -> None:
    """The tools refuse it before; this is the second lock."""
    reading: list[Callable[[Store], Any]] = [lambda store: store.get_order(order_id)]
    calls = {**uses(platform, order_id), "reading": reading}[ability]
    # These take no id, or one that is no part of a path.
    free = {"imports": 1, "records": 1, "webhooks": 2}.get(ability, 0)
    for call in calls[free:]:
        with pytest.raises((ValueError, AgentError)):
            await call(store)
    assert box.requests == []


@pytest.mark.parametrize("platform", having("downloads"), ids=str)
async def test_an_items_id_is_checked_as_well(store: Store, platform: Platform) -> None:
    for item_id in ("..", "a/b", "", "a?b"):
        with pytest.raises((ValueError, AgentError)):
            await store.download(platform.downloaded, item_id)


@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p.any_id], ids=str)
async def test_an_id_is_percent_encoded_in_the_path(platform: Platform, box: Sandbox) -> None:
    transport = Recording(box)
    store = store_of(platform, box, transport=transport)
    assert (await failure(store.get_order("a:b.c-d_e"))).code is Code.ORDER_NOT_FOUND
    (request,) = transport.requests
    assert request.url.raw_path.decode() == f"{platform.orders}/a%3Ab.c-d_e"
    await store.aclose()


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
BODIES: tuple[Any, ...] = (
    None,
    "",
    "<html>",
    "null",
    {"success": True, "data": {}},
    {"error": "text"},
    [],
)


@pytest.mark.parametrize(("status", "code"), CODES.items())
async def test_a_status_has_its_code_whatever_the_body_says(
    store: Store, box: Sandbox, platform: Platform, status: int, code: Code
) -> None:
    for body in BODIES:
        box.faults.add(Fault("status", code=status, body=body, headers=NO_RETRY))
        error = await failure(store.get_order(platform.paid))
        assert (error.code, error.status) == (code, status)
        assert error.happened is Happened.NO


BROKEN = ("html", "empty", "null", "text", "truncated", "nan", "list")


@pytest.mark.parametrize("what", BROKEN)
async def test_an_answer_that_is_no_order_is_a_bad_answer(
    store: Store, box: Sandbox, platform: Platform, what: str
) -> None:
    box.faults.add(Fault("malformed", times=None, what=what))
    assert (await failure(store.get_order(platform.paid))).code is Code.STORE_BAD_ANSWER


# Where rows stand at the top, a bare list is what a list of orders is.
@pytest.mark.parametrize(
    ("platform", "what"),
    [(p, what) for p in PLATFORMS for what in BROKEN if p.rows or what != "list"],
    ids=str,
)
async def test_an_answer_that_is_no_list_is_a_bad_answer_and_not_the_end(
    store: Store, box: Sandbox, what: str
) -> None:
    box.faults.add(Fault("malformed", times=None, what=what))
    error = await failure(store.list_orders(Query(), limit=5, cursor=None))
    assert error.code is Code.STORE_BAD_ANSWER


@pytest.mark.parametrize("ability", ["reading", "refunds", "cancel", "update_status", "links"])
async def test_an_order_that_is_missing_is_told_as_such(
    store: Store, platform: Platform, ability: str
) -> None:
    reading: list[Callable[[Store], Any]] = [lambda store: store.get_order(platform.absent)]
    calls = {**uses(platform, platform.absent), "reading": reading}
    able = ability == "reading" or getattr(platform.capabilities, ability)
    for call in calls[ability]:
        with pytest.raises(AgentError) as caught:
            await call(store)
        assert caught.value.code is (Code.ORDER_NOT_FOUND if able else Code.NOT_SUPPORTED)
        assert not isinstance(caught.value, StoreError) or caught.value.happened is Happened.NO


MISSING = {
    "downloads": Code.ITEM_NOT_FOUND,
    "receipts": Code.RECEIPT_NOT_FOUND,
    "variants": Code.NOT_SUPPORTED,
}


@pytest.mark.parametrize(
    ("platform", "ability"), [(p, name) for name in MISSING for p in having(name)], ids=str
)
async def test_what_else_is_missing_has_the_code_of_what_was_asked(
    store: Store, platform: Platform, ability: str
) -> None:
    gone: dict[str, Callable[[], Any]] = {
        "downloads": lambda: store.download(platform.downloaded, platform.absent),
        "receipts": lambda: store.receipt("absent"),
        "variants": lambda: store.product("absent"),
    }
    assert (await failure(gone[ability]())).code is MISSING[ability]


@pytest.mark.parametrize(
    ("platform", "ability"),
    [(p, n) for n in ("refunds", "cancel", "imports", "records", "webhooks") for p in having(n)],
    ids=str,
)
async def test_a_write_that_reached_nobody_did_not_happen(
    platform: Platform, box: Sandbox, ability: str, address_of_nobody: str
) -> None:
    transport = httpx2.AsyncHTTPTransport()
    store = store_of(platform, box, url=address_of_nobody, transport=transport)
    error = await failure(uses(platform, platform.paid)[ability][-1](store))
    assert (error.code, error.happened) == (Code.STORE_UNAVAILABLE, Happened.NO)
    await store.aclose()
