"""PayNow's downloads: files belong to products, so the right to one is worked out from the order.

PURE: models and JSON in, a product or a file out, or the error that says why not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from order_skills.errors import Code, StoreError
from order_skills.orders import Order
from order_skills.stores.paynow_ids import flake
from order_skills.stores.paynow_payments import REFUND_COUNTS
from order_skills.stores.reading import Unreadable, mapping


def product_of(order: Order, item_id: str) -> str:
    """The product of an item whose file the customer has a right to.

    Raises:
        StoreError: the order is not paid, the item was refunded, or there is none.
    """
    item = next((i for i in order.items or () if i.item_id == item_id), None)
    if item is None or item.product_id is None:
        raise _no_link(Code.ITEM_NOT_FOUND, "the order has no such item with a product")
    if order.payment_status not in ("paid", "partially_refunded"):
        raise _no_link(Code.NOT_PAID, f"the order's payment is {order.payment_status}")
    back = [r for r in order.refunds or () if REFUND_COUNTS.get(r.status or "", True)]
    if order.refunds is None or any(refund.item_id in (None, item_id) for refund in back):
        raise _no_link(Code.NOT_PAID, "the item was refunded, or that cannot be ruled out")
    return item.product_id


def only_file(listed: Sequence[Any]) -> Mapping[str, Any]:
    """The one file of a product that was uploaded: of several, one would be a guess.

    Raises:
        StoreError: there is none, or there are several.
        Unreadable: it has no id.
    """
    files = [file for file in map(mapping, listed) if file.get("is_uploaded") is True]
    if len(files) != 1:
        raise _no_link(Code.NOT_DIGITAL, f"the item's product has {len(files)} files")
    if flake(files[0], "id") is None:
        raise Unreadable("a file has no id")
    return files[0]


def _no_link(code: Code, why: str) -> StoreError:
    """Why there is no link to an item's file."""
    step = "get_order shows the order; the owner can send a file from the store's dashboard"
    return StoreError(code, f"PayNow can give no link: {why}", step)
