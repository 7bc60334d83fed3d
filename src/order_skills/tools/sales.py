"""record_order: a sale that was made outside the store."""

import uuid
from typing import Annotated

from pydantic import Field

from order_skills.stores.drafts import RecordDraft, RecordItem
from order_skills.tools import arguments
from order_skills.tools.arguments import AnyId, Arguments, Label, Note, Pieces, PriceMinor, Yes
from order_skills.tools.changes import ChangedOrder
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.personal_data import shown


class RecordedItem(Arguments):
    """A line of a sale."""

    name: Annotated[Label, Field(description="As on the bill")]
    quantity: Annotated[Pieces, Field(description="How many pieces")]
    price_minor: Annotated[
        PriceMinor | None, Field(description="Of one piece; needed without product_id")
    ] = None
    product_id: Annotated[AnyId | None, Field(description="The store's id of it")] = None
    variant_id: Annotated[AnyId | None, Field(description="Of its size or colour")] = None


class RecordOrderArguments(Arguments):
    """What record_order takes."""

    items: Annotated[
        list[RecordedItem],
        Field(min_length=1, max_length=100, description="In minor units: 24.99 is 2499"),
    ]
    paid_in_full: Annotated[Yes | None, Field(description="Needs every price_minor")] = None
    amount_paid_minor: Annotated[
        PriceMinor | None, Field(description="Less than the total: sold on credit")
    ] = None
    payment_method: Annotated[Label | None, Field(description="e.g. CASH, TRANSFER, POS")] = None
    discount_minor: Annotated[PriceMinor | None, Field(description="Off the whole sale")] = None
    customer_id: Annotated[AnyId | None, Field(description="The store's id of the buyer")] = None
    customer_name: Annotated[Label | None, Field(description="Without a customer_id")] = None
    store_id: Annotated[AnyId | None, Field(description="Which branch sold it")] = None
    channel: Annotated[Label | None, Field(description="e.g. in_store, whatsapp")] = None
    notes: Annotated[Note | None, Field(description="For the owner")] = None


class RecordedOrder(ChangedOrder):
    """The sale, and whether the store had recorded it before by the same key."""

    replayed: bool


async def record_order(call: ToolCall, given: RecordOrderArguments) -> RecordedOrder:
    """Record a sale; the key makes it one sale however often it has to be sent."""
    paid = {"paid_in_full": given.paid_in_full, "amount_paid_minor": given.amount_paid_minor}
    arguments.exactly_one("record_order", type(given), **paid)
    draft = RecordDraft(
        items=tuple(RecordItem(**item.model_dump()) for item in given.items),
        idempotency_key=str(uuid.uuid4()),
        paid_in_full=given.paid_in_full is True,
        amount_paid_minor=given.amount_paid_minor,
        payment_method=given.payment_method,
        discount_minor=given.discount_minor,
        customer_id=given.customer_id,
        customer_name=given.customer_name,
        store_id=given.store_id,
        channel=given.channel,
        notes=given.notes,
    )
    order, replayed = await call.store.record(draft)
    return RecordedOrder(order=shown(order, call.workspace.settings), replayed=replayed)


RECORD_ORDER = ToolSpec(
    name="record_order",
    title="Record a sale",
    description=(
        "Record a sale that was made outside the store, such as over the counter: its items, and "
        "exactly one of paid_in_full or amount_paid_minor. Nobody is charged, and it cannot be "
        "undone here. Each call records another sale: when an answer was lost, look with "
        "list_orders before calling again."
    ),
    arguments=RecordOrderArguments,
    answer=RecordedOrder,
    run=record_order,
    repeatable=False,
    additive=True,
)
