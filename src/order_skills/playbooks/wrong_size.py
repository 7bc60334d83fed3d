"""PURE: a customer got the wrong size: what was bought, what else there is, what to do.

No platform here makes a replacement order through its API, so the way is: agree on the size,
let the customer order it, then refund the first. Text that the store or a customer wrote stays
in the data fields; the steps and the reply hold only ids, amounts and size labels of a plain
form.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum

from order_skills import money
from order_skills.answers import (
    Alternative,
    SizeItem,
    SizeRefund,
    WrongSizeAnswer,
)
from order_skills.orders import Item, Order, Product, Variant
from order_skills.refunds.rules import Decision

# A label such as `XL`, `42`, `10.5` or `M/L`; anything longer is not repeated in our sentences.
_PLAIN_SIZE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./+-]{0,11}")
MAX_ALTERNATIVES = 12
# Of more items than these nobody can tell which it is; the customer has to be asked first.
MAX_ITEMS = 8


class Stock(Enum):
    """What the store says of the size that the customer wants; the value is our next question."""

    IN = None
    OUT = "The wanted size is not in stock: would another size do, or a refund?"
    UNSAID = "The store does not say if the wanted size is in stock: can the owner tell?"
    UNLISTED = "The store lists no such size: would one that is in stock do, or a refund?"
    ORDERED = "The wanted size is the one that was ordered: was another one sent?"


def sized_items(items: Sequence[Item]) -> list[Item]:
    """Those that come in sizes: everything that is not a file."""
    return [item for item in items if item.type != "digital"]


def bought_variant(item: Item, product: Product | None) -> tuple[Variant | None, str | None]:
    """The variant that the item names, and by which id.

    An item's variant id may be the variant's own or the printer's: it is not documented which.
    """
    for variant in (product.variants if product else None) or ():
        if item.variant_id == variant.variant_id:
            return variant, "variant_id"
    for variant in (product.variants if product else None) or ():
        if item.variant_id is not None and item.variant_id == variant.fulfilment_id:
            return variant, "fulfilment_id"
    return None, None


def playbook(
    order: Order,
    items: Sequence[Item],
    products: Mapping[str, Product],
    refunds: Mapping[str, Decision],
    wanted_size: str | None,
    *,
    left_out: int = 0,
) -> WrongSizeAnswer:
    """The whole guide.

    Args:
        items: those in question.
        products: by product_id; one that could not be read is missing.
        refunds: what the rules say of refunding each item, by item_id.
        wanted_size: what the customer wants instead, where known.
        left_out: how many items of the order beyond `MAX_ITEMS` are not among these.
    """
    note = None
    if left_out:
        note = (
            f"{left_out} more items of the order come in sizes and are left out: ask which item "
            f'it is, find it with get_order(order_id="{order.order_id}"), call again with item_id'
        )
    found = [
        _item(order, item, products.get(item.product_id or ""), refunds[item.item_id], wanted_size)
        for item in items
    ]
    if (closed := _closed(order)) is not None:
        return WrongSizeAnswer(
            order_id=order.order_id,
            currency=order.currency,
            items=found,
            steps=[
                f"Stop here: order {order.order_id} {closed}, so nothing of it is exchanged or "
                "given back; tell the person"
            ],
            questions=["Is it about another order? Ask, and find that one with list_orders"],
            customer_reply=f"Thank you for writing about order {order.order_id}. I see that it "
            f"{closed}. Could you tell me whether you mean another order?",
            note=note,
        )
    return WrongSizeAnswer(
        order_id=order.order_id,
        currency=order.currency,
        items=found,
        steps=_steps(order, items, found, wanted_size),
        questions=_questions(items, found, wanted_size),
        customer_reply=_reply(order, items[0], found[0], wanted_size),
        note=note,
    )


def _closed(order: Order) -> str | None:
    """Why there is nothing to do for the order; None where there is."""
    if order.status == "cancelled":
        return "is cancelled"
    if order.payment_status in ("pending", "failed", "partially_paid"):
        return "is not paid"
    return "is refunded already" if order.payment_status == "refunded" else None


def _item(
    order: Order, item: Item, product: Product | None, refund: Decision, wanted_size: str | None
) -> SizeItem:
    bought, matched_by = bought_variant(item, product)
    price = item.unit_price_minor
    if price is None and bought is not None:
        price = bought.price_minor
    others = [v for v in (product.variants if product else None) or () if v is not bought]
    if wanted_size is not None:
        others.sort(key=lambda v: not _is_size(v, wanted_size))
    offered = [
        v
        for v in others
        if v.in_stock is not False or (wanted_size is not None and _is_size(v, wanted_size))
    ]
    note = None if others else "The store lists no other size of this product"
    if (more := len(offered) - MAX_ALTERNATIVES) > 0:
        note = f"{more} more are left out; call again with wanted_size to see a certain one"
    return SizeItem(
        item_id=item.item_id,
        name=item.name,
        bought_variant_id=item.variant_id,
        bought_variant=item.variant_name or (bought.name if bought else None),
        bought_size=bought.size if bought else None,
        matched_by=matched_by,
        alternatives=[
            Alternative(
                variant_id=v.variant_id,
                name=v.name,
                size=v.size,
                in_stock=v.in_stock,
                price_minor=v.price_minor,
                price_difference_minor=None
                if v.price_minor is None or price is None
                else v.price_minor - price,
            )
            for v in offered[:MAX_ALTERNATIVES]
        ],
        refund=SizeRefund(
            allowed=refund.allowed,
            amount_minor=refund.amount_minor,
            blockers=[str(blocker.code) for blocker in refund.blockers],
        ),
        note=note,
    )


def _is_size(variant: Variant, wanted: str) -> bool:
    wanted = wanted.strip().casefold()
    return wanted in ((variant.size or "").casefold(), variant.name.casefold())


def _wanted(item: SizeItem, wanted_size: str | None) -> Alternative | None:
    if wanted_size is None:
        return None
    wanted = wanted_size.strip().casefold()
    for alternative in item.alternatives:
        if wanted in ((alternative.size or "").casefold(), alternative.name.casefold()):
            return alternative
    return None


def _stock(item: SizeItem, wanted_size: str) -> Stock:
    if (found := _wanted(item, wanted_size)) is not None:
        return {True: Stock.IN, False: Stock.OUT, None: Stock.UNSAID}[found.in_stock]
    bought = {name.casefold() for name in (item.bought_size, item.bought_variant) if name}
    if wanted_size.strip().casefold() in bought:
        return Stock.ORDERED
    return Stock.UNLISTED if item.alternatives else Stock.UNSAID


def _plain(size: str | None) -> str | None:
    return size if size is not None and _PLAIN_SIZE.fullmatch(size) else None


def _in_stock(item: SizeItem) -> list[str]:
    sizes = [_plain(a.size) for a in item.alternatives if a.in_stock]
    return list(dict.fromkeys(size for size in sizes if size))


def _steps(
    order: Order, bought: Sequence[Item], items: Sequence[SizeItem], wanted_size: str | None
) -> list[str]:
    steps = ["Compare the bought variant of each item with what the customer says they got"]
    if wanted_size is None:
        steps.append("Ask the customer which size they want")
    steps.append(
        "The store has no exchange: the customer places a new order for the right size; "
        "you cannot place it for them"
    )
    for line, item in zip(bought, items, strict=True):
        if item.refund.allowed and item.refund.amount_minor is not None:
            amount = money.shown(item.refund.amount_minor, order.currency)
            # One piece is the least that the call can mean; how many it is, is asked for.
            pieces = _pieces(line)
            quantity = ", quantity=1" if pieces > 1 else ""
            whole = f" for all {pieces} pieces; quantity is how many are wrong" if quantity else ""
            steps.append(
                f'When the customer agrees, refund {amount}{whole}: refund_order(order_id="'
                f'{order.order_id}", item_ids=["{item.item_id}"]{quantity}, reason="wrong size")'
            )
        else:
            why = ", ".join(item.refund.blockers) or "nothing is left"
            steps.append(f"Item {item.item_id} cannot be refunded here ({why})")
    return steps


def _pieces(item: Item) -> int:
    return 1 if item.quantity is None else item.quantity


def _questions(
    bought: Sequence[Item], items: Sequence[SizeItem], wanted_size: str | None
) -> list[str]:
    questions = []
    if len(items) > 1:
        questions.append("Which of these items is it? Ask, then call again with item_id")
    if wanted_size is None:
        questions.append("Which size does the customer want?")
    elif Stock.IN not in (found := [_stock(item, wanted_size) for item in items]):
        questions += [stock.value for stock in dict.fromkeys(found) if stock.value]
    questions += [
        f"How many of the {_pieces(line)} pieces of item {line.item_id} are the wrong size?"
        for line in bought
        if _pieces(line) > 1
    ]
    questions.append("Was the wrong size sent, or the wrong size ordered?")
    questions.append("Does the owner want the wrong item back?")
    return questions


def _reply(order: Order, line: Item, item: SizeItem, wanted_size: str | None) -> str:
    sentences = [f"Thank you for writing about order {order.order_id}; I am sorry about the size."]
    stock = None if wanted_size is None else _stock(item, wanted_size)
    wanted = _wanted(item, wanted_size)
    if wanted is not None and stock is Stock.IN:
        size = _plain(wanted.size)
        label = f"Size {size}" if size else "The size you would like"
        sentences.append(f"{label} is in stock{_difference(order, wanted)}.")
    elif stock is Stock.OUT:
        sentences.append("The size you would like is not in stock at the moment.")
    elif stock is Stock.ORDERED:
        sentences.append("The size you would like is the one of your order.")
    elif stock is not None:
        sentences.append("I am finding out whether we have the size you would like.")
    if stock not in (Stock.IN, Stock.ORDERED):
        if sizes := _in_stock(item):
            sentences.append(f"These sizes are in stock: {', '.join(sizes)}.")
        sentences.append("Which size would suit you?")
    sentences.append("Could you tell me whether the parcel held another size than you ordered?")
    if item.refund.allowed and item.refund.amount_minor is not None:
        amount = money.shown(item.refund.amount_minor, order.currency)
        what = f"{amount} to be refunded for the item you got"
        if _pieces(line) > 1:
            what = "the pieces of the wrong size to be refunded"
        sentences.append(
            f"Once that is clear, I can ask for {what}; a refund goes back to the way you paid."
        )
    return " ".join(sentences)


def _difference(order: Order, wanted: Alternative) -> str:
    difference = wanted.price_difference_minor
    if not difference:
        return "" if difference is None else " at the same price"
    more = "more" if difference > 0 else "less"
    return f" and costs {money.shown(abs(difference), order.currency)} {more}"
