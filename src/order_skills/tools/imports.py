"""import_order: an order that was made on another platform, written down once."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from order_skills.errors import Code, Refusal
from order_skills.stores.base import Query
from order_skills.stores.drafts import ImportDraft, ImportItem
from order_skills.tools import arguments
from order_skills.tools.arguments import AnyId, Arguments, Label, Pieces, PriceMinor
from order_skills.tools.changes import ChangedOrder
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.personal_data import shown

# So many of the newest orders say which currency the store sells in.
CURRENCY_ROWS = 20


def _whole(value: str) -> str:
    if "*" in value:
        raise ValueError("must be whole; a masked one reaches nobody")
    return value


class ImportedItem(Arguments):
    """A line of an order that was made elsewhere."""

    external_product_id: Annotated[AnyId, Field(description="The other platform's id")]
    external_variant_id: Annotated[AnyId | None, Field(description="Of its size or colour")] = None
    quantity: Annotated[Pieces, Field(description="How many pieces")]
    price_minor: Annotated[PriceMinor, Field(description="Of one piece")]


class CustomerInfo(Arguments):
    """Who bought, where the store has no customer_id for it."""

    name: Annotated[Label | None, Field(description="Full name")] = None
    email: Annotated[
        Annotated[Label, AfterValidator(_whole)] | None, Field(description="Whole address")
    ] = None
    phone: Annotated[
        Annotated[Label, AfterValidator(_whole)] | None, Field(description="Whole number")
    ] = None


class ImportOrderArguments(Arguments):
    """What import_order takes."""

    external_order_id: Annotated[AnyId, Field(description="The other platform's id of it")]
    items: Annotated[
        list[ImportedItem], Field(min_length=1, max_length=100, description="What was bought")
    ]
    total_minor: Annotated[
        PriceMinor, Field(description="With tax and shipping, in minor units: 24.99 is 2499")
    ]
    customer_id: Annotated[AnyId | None, Field(description="The store's id of the buyer")] = None
    customer: Annotated[CustomerInfo | None, Field(description="Instead of customer_id")] = None
    status: Annotated[
        Literal["pending", "confirmed", "processing", "shipped", "delivered", "cancelled"] | None,
        Field(description="Absent: confirmed"),
    ] = None
    platform_name: Annotated[Label | None, Field(description="e.g. Shopify")] = None
    platform_order_number: Annotated[Label | None, Field(description="As people see it")] = None


class ImportedOrder(ChangedOrder):
    """The order, and whether it was there before."""

    already_existed: bool


async def import_order(call: ToolCall, given: ImportOrderArguments) -> ImportedOrder:
    """Write down an order that was made elsewhere."""
    who = {"customer_id": given.customer_id, "customer": given.customer}
    arguments.exactly_one("import_order", type(given), **who)
    customer = None if given.customer is None else _customer_info(given.customer)
    if customer == {}:
        problem = "must hold a name, an email or a phone"
        raise arguments.refused("customer", problem, type(given), "import_order")
    draft = ImportDraft(
        external_order_id=given.external_order_id,
        items=tuple(ImportItem(**item.model_dump()) for item in given.items),
        total_minor=given.total_minor,
        currency=await _currency(call),
        customer_id=given.customer_id,
        customer=customer,
        status=given.status,
        platform_name=given.platform_name,
        platform_order_number=given.platform_order_number,
    )
    order, existed = await call.store.import_order(draft)
    return ImportedOrder(order=shown(order, call.workspace.settings), already_existed=existed)


def _customer_info(customer: CustomerInfo) -> dict[str, str]:
    # The names under which VesuvioPay's own orders show a customer.
    told = {"name": customer.name, "email": customer.email, "phoneNumber": customer.phone}
    return {name: value for name, value in told.items() if value is not None}


async def _currency(call: ToolCall) -> str:
    """The store's currency: an import is in it and names none.

    It is that of the store's newest orders, and of the owner's setting where there is none yet.

    Raises:
        Refusal: NOT_SUPPORTED, it is not known, or there are several.
    """
    store, owners = call.store, call.workspace.settings.stores
    said = {s.currency for s in owners if s.name == store.name} - {None}
    page = await store.list_orders(Query(), limit=CURRENCY_ROWS, cursor=None)
    found = sorted({order.currency for order in page.orders} | {c for c in said if c})
    if len(found) == 1:
        return found[0]
    why, step = (
        "has no order yet",
        'set `currency = "EUR"`, or whichever it is, in the store\'s table',
    )
    if found:
        why = f"sells in several currencies ({', '.join(found)})"
        step = "import this order in the store's dashboard"
    raise Refusal(
        Code.NOT_SUPPORTED,
        f"{store.capabilities.title} takes an import in the store's currency, and this store "
        f"{why}, so what the amounts would mean is not known",
        f"ask the owner to {step}",
    )


IMPORT_ORDER = ToolSpec(
    name="import_order",
    title="Import an order",
    description=(
        "Write down an order that was made and paid on another platform, in this store's own "
        "currency: stock goes down, nobody is charged, and it cannot be deleted again. Exactly one "
        "of customer_id or customer. The same external_order_id again makes no second order: "
        "`already_existed`. link_order connects an order that is already here."
    ),
    arguments=ImportOrderArguments,
    answer=ImportedOrder,
    run=import_order,
    additive=True,
    choices=lambda _: {},
)
