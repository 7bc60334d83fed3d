"""resend_download and get_receipt: links to what was bought."""

from typing import Annotated, Literal

from pydantic import Field

from order_skills.answers import Answer
from order_skills.errors import Code, Refusal, StoreError
from order_skills.orders import Download, Item, Order
from order_skills.stores.base import CustomerLinks
from order_skills.tools.arguments import Arguments, CheckoutId, ItemId, OrderId
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.items import items_of

# The payment words on which a customer has a right to the file.
_ENTITLED = ("paid", "partially_refunded")
# Where a store says no type, whether there is a file is seen by asking for it.
_MAY_BE_FILES = ("digital", None)
# Each is a request to the store, and a long text in the answer.
MAX_LINKS = 20
# After these the other items are not asked for: each would wait as long, for the same.
_ASK_NO_MORE = (Code.STORE_UNAVAILABLE, Code.STORE_RATE_LIMITED, Code.STORE_UNAUTHORIZED)


_ONE_BY_ONE = "get_order lists them; call again with item_id for the link to one"


class ResendDownloadArguments(Arguments):
    """What resend_download takes."""

    order_id: OrderId
    item_id: Annotated[ItemId | None, Field(description="Absent: every digital item")] = None
    audience: Annotated[
        Literal["owner", "customer"],
        Field(description="owner: expires soon. customer: the customer's own public link"),
    ] = "owner"


class Link(Answer):
    """A link to a bought file."""

    item_id: str
    file_name: str | None = None
    url: str
    expires_at: str | None = None
    size_bytes: int | None = None


class Skipped(Answer):
    """An item without a link, and why."""

    item_id: str
    reason: str


class ResendDownloadAnswer(Answer):
    """What resend_download answers."""

    order_id: str
    audience: str
    links: list[Link]
    skipped: list[Skipped]
    note: str | None = None


async def resend_download(call: ToolCall, given: ResendDownloadArguments) -> ResendDownloadAnswer:
    """Fresh links for the digital items of an order."""
    if given.audience == "customer":
        found = await _customer_links(call, given.order_id)
        order, items, skipped = found.order, *_digital(call, found.order, given.item_id)
        links = []
        for item in items[:MAX_LINKS]:
            if (url := found.links.get(item.item_id)) is None:
                reason = 'the store gave no token for the customer; use audience="owner"'
                skipped.append(Skipped(item_id=item.item_id, reason=reason))
            else:
                links.append(Link(item_id=item.item_id, url=url))
    else:
        order = await call.store.get_order(given.order_id)
        items, skipped = _digital(call, order, given.item_id)
        links = await _owner_links(call, order, items[:MAX_LINKS], skipped)
    more = len(items) - MAX_LINKS
    return ResendDownloadAnswer(
        order_id=order.order_id,
        audience=given.audience,
        links=links,
        skipped=skipped,
        note=f"{more} more items were not asked for, {_ONE_BY_ONE}" if more > 0 else None,
    )


async def _customer_links(call: ToolCall, order_id: str) -> CustomerLinks:
    """The links of the customer.

    Raises:
        Refusal: NOT_SUPPORTED, naming the links that this store does have.
    """
    try:
        return await call.store.customer_links(order_id)
    except Refusal as refusal:
        if refusal.code is not Code.NOT_SUPPORTED:
            raise
        raise Refusal(
            Code.NOT_SUPPORTED,
            f"{call.store.capabilities.title} has no public links of the customer's own",
            f'resend_download(order_id="{order_id}", audience="owner") makes a link that the '
            "owner can hand on",
        ) from None


async def _owner_links(
    call: ToolCall, order: Order, items: list[Item], skipped: list[Skipped]
) -> list[Link]:
    links: list[Link] = []
    failed: list[StoreError] = []
    for item in items:
        if not (failed and failed[-1].code in _ASK_NO_MORE):
            try:
                links.append(_link(await call.store.download(order.order_id, item.item_id)))
                continue
            except StoreError as error:
                failed.append(error)
        skipped.append(Skipped(item_id=item.item_id, reason=str(failed[-1])))
    if failed and not links:
        raise failed[0]
    return links


def _link(download: Download) -> Link:
    return Link(**download.model_dump())


def _digital(call: ToolCall, order: Order, item_id: str | None) -> tuple[list[Item], list[Skipped]]:
    """The items to link, and those that are no files; what has no type is the store's to say.

    Raises:
        AgentError: NOT_PAID, ITEM_NOT_FOUND, NOT_DIGITAL, or the store did not send the items.
    """
    look = f'get_order(order_id="{order.order_id}")'
    if order.payment_status not in _ENTITLED:
        raise Refusal(
            Code.NOT_PAID,
            f"order {order.order_id} has payment status {order.payment_status}; "
            "a link would give the file away",
            f"{look} shows the payment; if the customer should have it all the same, the owner can "
            "send the file from the store's dashboard",
        )
    wanted = items_of(call, order, item_id)
    digital = [item for item in wanted if item.type in _MAY_BE_FILES]
    if not digital:
        which = f"item {item_id}" if item_id else "no item of the order"
        verb = "is not" if item_id else "is"
        raise Refusal(
            Code.NOT_DIGITAL,
            f"{which} {verb} a download in order {order.order_id}",
            f"{look} shows the items and where a parcel is",
        )
    others = [i for i in wanted if i.type not in _MAY_BE_FILES]
    return digital, [Skipped(item_id=i.item_id, reason="not a download") for i in others]


class GetReceiptArguments(Arguments):
    """What get_receipt takes."""

    checkout_id: CheckoutId


class ReceiptLine(Answer):
    """A line of a receipt."""

    item_id: str
    name: str
    quantity: int | None = None
    total_minor: int | None = None
    download_url: str | None = None


class GetReceiptAnswer(Answer):
    """What get_receipt answers."""

    checkout_id: str
    order_id: str | None = None
    currency: str
    total_minor: int | None = None
    items: list[ReceiptLine]
    status_url: str | None = None


async def get_receipt(call: ToolCall, given: GetReceiptArguments) -> GetReceiptAnswer:
    """The receipt of a checkout, with links in place of its tokens."""
    receipt = await call.store.receipt(given.checkout_id)
    order_id = receipt.order_id
    return GetReceiptAnswer(
        checkout_id=receipt.checkout_id,
        order_id=order_id,
        currency=receipt.currency,
        total_minor=receipt.total_minor,
        items=[
            ReceiptLine(
                item_id=item.item_id,
                name=item.name,
                quantity=item.quantity,
                total_minor=item.total_minor,
                download_url=call.store.download_link(order_id, item.item_id, item.download_token)
                if order_id and item.download_token
                else None,
            )
            for item in receipt.items
        ],
        status_url=call.store.status_link(order_id, receipt.status_token)
        if order_id and receipt.status_token
        else None,
    )


RESEND_DOWNLOAD = ToolSpec(
    name="resend_download",
    title="Make download links",
    description=(
        "Make fresh download links for the digital items of a paid order. Links open without a "
        "login: give them to the order's customer only, and treat an owner link as secret. "
        "Nothing is sent to anybody. Printed items: get_order shows their tracking."
    ),
    arguments=ResendDownloadArguments,
    answer=ResendDownloadAnswer,
    run=resend_download,
    rest={"links": _ONE_BY_ONE, "skipped": "get_order shows the type of each"},
)
GET_RECEIPT = ToolSpec(
    name="get_receipt",
    title="Get a receipt",
    description=(
        "Read the receipt of a checkout: its items, the customer's own download links and the "
        "public link on which the customer follows the order. Use resend_download when only an "
        "order_id is known."
    ),
    arguments=GetReceiptArguments,
    answer=GetReceiptAnswer,
    run=get_receipt,
    rest={"items": 'get_order(order_id="{order_id}") lists them, and resend_download makes links'},
)
