"""What every store keeps when it changes something: sent once, and no surer than it can be."""

from typing import Any

import httpx2
import pytest
from contract_calls import Write, failure, import_draft, record_draft, sent, walk, writes
from platforms import Platform, Recording, Refund, having, store_of

from order_skills.errors import AgentError, Code, Happened
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.base import Store
from order_skills.stores.drafts import RecordDraft, RecordItem

ALL = writes()
NEVER_AGAIN = [(platform, write) for platform, write in ALL if not write.again]
BY_KEY = [(platform, write) for platform, write in ALL if write.again]


@pytest.mark.parametrize(("platform", "write"), ALL, ids=str)
async def test_a_write_is_one_request(
    store: Store, box: Sandbox, platform: Platform, write: Write
) -> None:
    await write.make(store, platform)
    (request,) = sent(box)
    assert (request.method, request.status // 100, request.applied) == (write.method, 2, True)


# What a single write can end with → whether it may have happened. Only what is certain is NO.
REFUSED = (400, 401, 403, 404, 405, 413, 415, 429)
UNSETTLED = (408, 409, 422, 425, 500, 502, 503, 504)
LOST: dict[str, dict[str, Any]] = {
    **{str(code): {"kind": "status", "code": code} for code in UNSETTLED},
    **{f"{code} after": {"kind": "status_after", "code": code} for code in (500, 503)},
    "302": {"kind": "redirect", "location": "/x"},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "cut": {"kind": "cut_body"},
    "HTML": {"kind": "malformed", "what": "html"},
    "nothing": {"kind": "malformed", "what": "empty"},
    "null": {"kind": "malformed", "what": "null"},
    "a list": {"kind": "malformed", "what": "list"},
    "an empty object": {"kind": "malformed", "what": "empty_object"},
    "success false": {"kind": "success_false"},
}


def _always(write: Write, fault: dict[str, Any]) -> Fault:
    return Fault(method=write.method, times=None, **fault)


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize(("platform", "write"), ALL, ids=str)
async def test_a_write_that_the_store_refuses_did_not_happen(
    store: Store, box: Sandbox, platform: Platform, write: Write, code: int
) -> None:
    before = dict(box.shop.orders)
    box.faults.add(_always(write, {"kind": "status", "code": code}))
    error = await failure(write.make(store, platform))
    assert (error.happened, error.status) == (Happened.NO, code)
    assert box.shop.orders == before
    # Of what is kept one by its key, waiting for a 429 is part of it.
    assert len(sent(box)) == (3 if write.again and code == 429 else 1)


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize(("platform", "write"), NEVER_AGAIN, ids=str)
async def test_a_write_whose_answer_is_lost_may_have_happened_and_is_not_sent_again(
    store: Store, box: Sandbox, platform: Platform, write: Write, fault: dict[str, Any]
) -> None:
    box.faults.add(_always(write, fault))
    # What is read back afterwards is of before, so that nothing can make up for it.
    box.faults.add(Fault("stale_reads", "GET", times=None, n=9))
    error = await failure(write.make(store, platform))
    assert error.happened is Happened.UNKNOWN
    assert len(sent(box)) == 1


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize(("platform", "write"), BY_KEY, ids=str)
async def test_a_write_that_its_key_keeps_one_is_sent_again_with_that_key_alone(
    platform: Platform, box: Sandbox, write: Write, fault: dict[str, Any]
) -> None:
    before = len(box.shop.orders)
    transport = Recording(box)
    store = store_of(platform, box, transport=transport)
    box.faults.add(_always(write, fault))
    error = await failure(write.make(store, platform))
    assert error.happened is Happened.UNKNOWN
    tries = [request for request in transport.requests if request.method == write.method]
    assert 1 <= len(tries) <= 3
    assert len({(r.headers["idempotency-key"], r.content) for r in tries}) == 1
    assert len(box.shop.orders) <= before + 1
    await store.aclose()


@pytest.mark.parametrize("code", [400, 401, 403, 422, 500])
@pytest.mark.parametrize(("platform", "write"), BY_KEY, ids=str)
async def test_a_refusal_after_a_lost_answer_settles_nothing(
    store: Store, box: Sandbox, platform: Platform, write: Write, code: int
) -> None:
    box.faults.add(Fault("reset_after", write.method))
    box.faults.add(_always(write, {"kind": "status", "code": code}))
    assert (await failure(write.make(store, platform))).happened is Happened.UNKNOWN
    assert [entry.applied for entry in sent(box)].count(True) == 1


@pytest.mark.parametrize(("platform", "write"), ALL, ids=str)
async def test_a_connection_that_is_lost_on_the_way_back_leaves_at_most_one_of_it(
    store: Store, box: Sandbox, platform: Platform, write: Write
) -> None:
    box.faults.add(Fault("reset_after", method=write.method))
    if write.again:
        await write.make(store, platform)
    else:
        assert (await failure(write.make(store, platform))).happened is Happened.UNKNOWN
    assert [entry.applied for entry in sent(box)].count(True) == 1


NAMED = [(platform, write) for platform, write in ALL if write.name in platform.names_written]


@pytest.mark.parametrize(("platform", "write"), NAMED, ids=str)
async def test_an_answer_about_another_order_confirms_nothing(
    store: Store, box: Sandbox, platform: Platform, write: Write
) -> None:
    other = {platform.names_written[write.name]: platform.absent}
    box.faults.add(Fault("edit", write.method, times=None, set=other))
    box.faults.add(Fault("stale_reads", "GET", times=None, n=9))
    assert (await failure(write.make(store, platform))).happened is Happened.UNKNOWN
    assert len(sent(box)) == 1


# --- refunds --------------------------------------------------------------------------------

REFUNDS = [(p, refund) for p in having("refunds") for refund in p.refunds.values()]
FORMS = [f"{p}-{form}" for p in having("refunds") for form in p.refunds]


@pytest.mark.parametrize(("platform", "refund"), REFUNDS, ids=FORMS)
async def test_a_refund_says_what_it_is_of_and_is_seen_on_the_order(
    store: Store, box: Sandbox, platform: Platform, refund: Refund
) -> None:
    before = await store.get_order(refund.order)
    made = await store.refund(refund.order, refund.amount_minor, "late", refund.item)
    (request,) = sent(box)
    assert request.path == f"{platform.orders}/{refund.order}/refund"
    assert request.body == refund.body
    after = await store.get_order(refund.order)
    assert made.refunds is not None
    assert [each.amount_minor for each in made.refunds] == [refund.amount_minor]
    assert after.refunds == made.refunds
    assert (before.refunded_minor, after.refunded_minor) == (0, refund.amount_minor)
    assert after.remaining_minor == after.total_minor - refund.amount_minor
    partly = after.remaining_minor > 0
    assert after.payment_status == ("partially_refunded" if partly else "refunded")


@pytest.mark.parametrize("platform", having("refunds"), ids=str)
async def test_a_refund_twice_is_two_requests_and_the_store_is_the_judge(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    """Nothing here keeps two of them one: that is what the ledger is for."""
    full = platform.refunds["full"]
    await store.refund(full.order, full.amount_minor, "late")
    error = await failure(store.refund(full.order, full.amount_minor, "late"))
    assert error.code is Code.STORE_REJECTED
    assert len(sent(box)) == 2
    assert box.shop.orders[full.order].refunded_minor == full.amount_minor


@pytest.mark.parametrize("platform", having("refunds", "marker"), ids=str)
async def test_where_a_marker_is_promised_the_reason_comes_back_with_it(
    store: Store, platform: Platform
) -> None:
    full = platform.refunds["full"]
    reason = "came late [rr_0000000000]"
    made = await store.refund(full.order, full.amount_minor, reason)
    read = await store.get_order(full.order)
    assert [refund.reason for refund in (*(made.refunds or ()), *(read.refunds or ()))] == [
        reason,
        reason,
    ]


@pytest.mark.parametrize(
    "platform", [p for p in having("refunds") if not p.capabilities.marker], ids=str
)
async def test_where_no_marker_is_promised_the_reason_is_not_sent(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    full = platform.refunds["full"]
    await store.refund(full.order, full.amount_minor, "came late [rr_0000000000]")
    (request,) = sent(box)
    assert "late" not in repr(request)


@pytest.mark.parametrize("platform", having("refunds"), ids=str)
@pytest.mark.parametrize("by", [1, -1])
async def test_another_amount_in_the_answer_is_shown_as_it_is(
    store: Store, box: Sandbox, platform: Platform, by: int
) -> None:
    full = platform.refunds["full"]
    box.faults.add(Fault("wrong_amount", amount_minor=full.amount_minor + by))
    made = await store.refund(full.order, full.amount_minor, "late")
    assert [refund.amount_minor for refund in made.refunds or ()] == [full.amount_minor + by]


# --- cancelling and moving on ---------------------------------------------------------------


@pytest.mark.parametrize("platform", having("cancel"), ids=str)
@pytest.mark.parametrize("amount", [None, 100])
@pytest.mark.parametrize("notify", [None, True, False])
async def test_a_cancellation_gives_back_what_was_said_and_no_more(
    store: Store, box: Sandbox, platform: Platform, amount: int | None, notify: bool | None
) -> None:
    order = await store.get_order(platform.paid)
    after = await store.cancel(order, "changed their mind", amount, notify)
    assert (after.order_id, after.status) == (platform.paid, "cancelled")
    (request,) = sent(box)
    told = {"changed their mind", *({1} if amount else ()), *(() if notify is None else {notify})}
    assert set(request.body.values()) == told


@pytest.mark.parametrize("platform", having("cancel"), ids=str)
async def test_what_cannot_be_cancelled_is_refused_by_us(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    seen = set()
    for row in await walk(store):
        if row.status in platform.capabilities.cancellable or row.status in seen:
            continue
        with pytest.raises(AgentError) as caught:
            await store.cancel(await store.get_order(row.order_id), "late", None, None)
        assert caught.value.code is Code.NOT_SUPPORTED
        seen.add(row.status)
    assert seen
    assert sent(box) == []


@pytest.mark.parametrize("platform", having("update_status"), ids=str)
async def test_a_status_moves_on_as_its_table_says_and_no_other_way(platform: Platform) -> None:
    capabilities = platform.capabilities
    tried = set()
    for now in capabilities.statuses:
        for word in {*capabilities.statuses, "completed", "unknown"} - {now}:
            box = platform.box()
            store = store_of(platform, box)
            order = next(o for o in await walk(store) if o.status == now)
            if word in capabilities.transitions.get(now, ()):
                after, _ = await store.update_status(order.order_id, word, {})
                assert (after.order_id, after.status) == (order.order_id, word)
                assert len(sent(box)) == 1
                tried.add((now, word))
            else:
                with pytest.raises(AgentError):
                    await store.update_status(order.order_id, word, {})
                assert sent(box) == []
            await store.aclose()
    assert len(tried) == sum(map(len, capabilities.transitions.values()))


# --- orders from elsewhere ------------------------------------------------------------------


@pytest.mark.parametrize("platform", having("imports"), ids=str)
async def test_importing_twice_is_one_order(store: Store, box: Sandbox, platform: Platform) -> None:
    before = len(box.shop.orders)
    draft = import_draft()
    made, existed = await store.import_order(draft)
    again, existed_then = await store.import_order(draft)
    assert (existed, existed_then) == (False, True)
    assert again.order_id == made.order_id
    assert (made.total_minor, made.currency) == (draft.total_minor, draft.currency)
    assert len(box.shop.orders) == before + 1
    assert (await store.get_order(draft.external_order_id)).order_id == made.order_id


@pytest.mark.parametrize("platform", having("links"), ids=str)
async def test_a_link_leads_to_its_order_and_is_made_once(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    linked, _ = await store.link(platform.paid, "shop_9001", "Shopify")
    assert linked.order_id == platform.paid
    assert (await store.get_order("shop_9001")).order_id == platform.paid
    assert (await store.link(platform.paid, "shop_9001", "Shopify"))[0].order_id == platform.paid
    assert len(sent(box)) == 1


@pytest.mark.parametrize("platform", having("records"), ids=str)
async def test_recording_twice_with_one_key_is_one_sale_and_with_another_it_is_two(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    before = len(box.shop.orders)
    draft = record_draft()
    made, replayed = await store.record(draft)
    again, replayed_then = await store.record(draft)
    assert (replayed, replayed_then) == (False, True)
    assert again == made
    assert len(box.shop.orders) == before + 1
    other = RecordDraft(
        items=(RecordItem("Tea", 2, price_minor=1250),), idempotency_key="key-2", paid_in_full=True
    )
    assert (await store.record(other))[1] is False
    assert len(box.shop.orders) == before + 2
    assert [entry.headers["idempotency-key"] for entry in sent(box)] == ["key-1", "key-1", "key-2"]


# --- files, receipts, products, webhooks ----------------------------------------------------


@pytest.mark.parametrize("platform", having("downloads"), ids=str)
async def test_a_link_opens_the_file_without_a_key(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    owner = await store.download(platform.downloaded, platform.item)
    assert owner.item_id == platform.item
    assert box.api_key not in owner.url
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=box.app)) as anybody:
        assert (await anybody.get(owner.url)).status_code == 200
    assert sent(box) == []


@pytest.mark.parametrize("platform", having("receipts"), ids=str)
async def test_a_customers_link_opens_the_file_without_a_key(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    customer = await store.customer_links(platform.downloaded)
    assert customer.order == await store.get_order(platform.downloaded)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=box.app)) as anybody:
        assert (await anybody.get(customer.links[platform.item])).status_code == 200
    assert box.api_key not in customer.links[platform.item]


@pytest.mark.parametrize("platform", having("receipts"), ids=str)
async def test_a_receipt_names_its_order_and_items(store: Store, platform: Platform) -> None:
    receipt = await store.receipt(platform.checkout)
    order = await store.get_order(platform.downloaded)
    assert receipt.order_id == order.order_id
    assert receipt.total_minor == order.total_minor
    assert [i.item_id for i in receipt.items] == [i.item_id for i in order.items or ()]


@pytest.mark.parametrize("platform", having("variants"), ids=str)
async def test_a_product_has_the_variant_that_was_bought(store: Store, platform: Platform) -> None:
    product = await store.product(platform.product)
    order = await store.get_order(platform.printed)
    bought = {i.variant_id for i in order.items or ()}
    ids = {v.variant_id for v in product.variants or ()}
    ids |= {v.fulfilment_id for v in product.variants or () if v.fulfilment_id}
    assert bought <= ids


@pytest.mark.parametrize("platform", having("webhooks"), ids=str)
async def test_webhooks_are_made_listed_and_deleted(store: Store) -> None:
    assert await store.list_webhooks() == ()
    url, secret = "https://hooks.example/orders", "s" * 32
    made = await store.create_webhook(url, ("order.paid", "order.refunded"), secret)
    assert (made.url, made.events) == (url, ("order.paid", "order.refunded"))
    assert secret not in repr(made)
    (listed,) = await store.list_webhooks()
    assert listed.webhook_id == made.webhook_id
    await store.delete_webhook(made.webhook_id)
    assert await store.list_webhooks() == ()
    assert (await failure(store.delete_webhook(made.webhook_id))).code is Code.NOT_SUPPORTED


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("platform", having("webhooks"), ids=str)
async def test_a_deletion_whose_answer_is_lost_may_have_happened(
    store: Store, box: Sandbox, platform: Platform, fault: dict[str, Any]
) -> None:
    made = await store.create_webhook("https://hooks.example/x", ("order.paid",), "s" * 32)
    box.faults.add(Fault(method="DELETE", times=None, **fault))
    if fault.get("what") in ("null", "list", "empty_object", "empty"):
        # What answers a deletion is not documented: nothing, or any JSON that does not say no.
        await store.delete_webhook(made.webhook_id)
    else:
        error = await failure(store.delete_webhook(made.webhook_id))
        assert error.happened is Happened.UNKNOWN
    assert box.request_count("DELETE") == 1
