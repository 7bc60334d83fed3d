"""Recording a sale, as Cloove does it: what it prices, what it takes for paid, what it ignores."""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeGuard

from order_skills.sandbox import shop as s
from order_skills.sandbox.cloove_wire import Json, Options
from order_skills.sandbox.exchange import Refused
from order_skills.sandbox.values import guid, minor, numbered

# Above every order of the demonstration shop, so that a new id is never an old one.
FIRST_NUMBER = 900_001


class Sales:
    """Turns the body of POST /v1/orders into an order of the shop."""

    def __init__(self, shop: s.Shop, now: Callable[[], datetime], options: Options) -> None:
        self.shop, self.now, self.options = shop, now, options
        self._numbers: Iterator[int] = itertools.count(FIRST_NUMBER)

    def record(self, body: Json) -> s.Order:
        """Record a sale; raises `Refused`. A field that is not known is ignored, as documented."""
        lines = body.get("items")
        if not isinstance(lines, list) or not lines:
            raise wrong("items", "The items must be a list that is not empty")
        order_id = numbered(next(self._numbers))
        items = tuple(self._item(line, f"{order_id}-{n}") for n, line in enumerate(lines, 1))
        subtotal = sum(item.total_minor for item in items)
        discount = self._amount(body, "discount_amount", 0)
        if discount > subtotal:
            raise wrong("discount_amount", "The discount is more than the total")
        total = subtotal - discount
        paid = self._amount(body, "amount_paid", total)
        status = "COMPLETED" if paid >= total else self.options.credit
        told = ("payment_method", "channel", "notes")
        extra = {name: body[name] for name in told if isinstance(body.get(name), str)}
        order = s.Order(
            id=order_id,
            checkout_id=f"chk_{order_id}",
            status="pending" if status == "PENDING" else "delivered",
            payment="paid" if paid >= total else "pending",
            subtotal_minor=subtotal,
            total_minor=total,
            created_at=self.now(),
            customer=self._customer(body),
            items=items,
            status_token="",
            extra={**extra, "amount_paid_minor": paid, "status": status},
        )
        self.shop.put(order)
        return order

    def _item(self, line: Any, item_id: str) -> s.Item:
        if not isinstance(line, dict) or not _is_text(line.get("product_name")):
            raise wrong("items", "The product_name is required")
        quantity = line.get("quantity")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise wrong("items", "The quantity must be a positive number")
        product = next(
            (p for p in self.shop.products.values() if _is(p.id, line, "product_id")), None
        )
        if line.get("product_id") is not None and product is None:
            raise wrong("items", "The product does not exist")
        variants = product.variants if product else ()
        variant = next((v for v in variants if _is(v.id, line, "variant_id")), None)
        price = variant.price_minor if variant else product.price_minor if product else None
        price = self._amount(line, "custom_price", price)
        if price is None:
            raise wrong("items", "The custom_price is required without a product")
        return s.Item(
            id=item_id,
            product_id=product.id if product else "",
            product_name=line["product_name"],
            product_type=product.type if product else s.PRINT_ON_DEMAND,
            unit_price_minor=price,
            quantity=quantity,
            variant_id=variant.id if variant else None,
            variant_name=variant.name if variant else None,
        )

    def _amount(self, held: Json, name: str, default: Any) -> Any:
        if held.get(name) is None:
            return default
        try:
            return minor(held[name], self.shop.currency)
        except ValueError as error:
            raise wrong(name, f"The {name} {error}") from None

    def _customer(self, body: Json) -> s.Customer:
        customer_id, name = body.get("customer_id"), body.get("customer_name")
        if customer_id is not None:
            known = [o.customer for o in self.shop.orders.values() if o.customer.id == customer_id]
            if not known:
                raise wrong("customer_id", "The customer does not exist")
            return known[0]
        return s.Customer(id="", email="", name=name if _is_text(name) else None)


def wrong(field: str, message: str) -> Refused:
    """The refusal of a field's value."""
    details = [{"field": field, "message": message}]
    return Refused(422, "validation_error", message, details=details)


def _is(own_id: str, line: Json, name: str) -> bool:
    return line.get(name) in (own_id, guid(own_id))


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
