"""Customers' e-mail, phone and address, masked unless the owner shows them."""

from order_skills import text
from order_skills.orders import Order
from order_skills.settings import Settings


def shown(order: Order, settings: Settings) -> Order:
    """The order as this owner lets an agent see it."""
    if settings.personal_data == "shown":
        return order
    changes: dict[str, object] = {}
    if (customer := order.customer) is not None:
        changes["customer"] = customer.model_copy(
            update={
                "email": customer.email and text.mask_email(customer.email),
                "phone": customer.phone and text.mask_phone(customer.phone),
            }
        )
    if order.shipping_address is not None:
        changes["shipping_address"] = text.mask_address(order.shipping_address)
    return order.model_copy(update=changes)
