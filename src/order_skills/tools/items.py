"""The items of an order that a call is about."""

from order_skills.errors import Code, Refusal
from order_skills.orders import Item, Order
from order_skills.stores.reading import bad_answer
from order_skills.tools.declare import ToolCall


def items_of(call: ToolCall, order: Order, item_id: str | None) -> list[Item]:
    """The item of this id, or all of them.

    Raises:
        StoreError: STORE_BAD_ANSWER, the store did not say what was bought.
        Refusal: ITEM_NOT_FOUND.
    """
    if order.items is None:
        raise bad_answer(call.store.capabilities.title, "it does not say what was bought")
    found = [item for item in order.items if item_id in (None, item.item_id)]
    if not found and item_id is not None:
        raise Refusal(
            Code.ITEM_NOT_FOUND,
            f"order {order.order_id} has no item {item_id}",
            f'get_order(order_id="{order.order_id}") lists its items',
        )
    return found
