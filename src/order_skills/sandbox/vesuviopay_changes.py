"""VesuvioPay's calls that change something: status, cancellation, import, link."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from order_skills.sandbox import shop as s
from order_skills.sandbox import vesuviopay_wire as wire
from order_skills.sandbox.exchange import Refused, json_object, mark_applied
from order_skills.sandbox.values import guid, minor, numbered, stamp

# What may follow a status, as the documentation's own sample code has it.
TRANSITIONS = {
    "created": ("confirmed", "cancelled"),
    "pending": ("confirmed", "cancelled"),
    "confirmed": ("processing", "cancelled"),
    "processing": ("shipped", "cancelled"),
    "shipped": ("delivered", "cancelled"),
}
IMPORTABLE = ("pending", "confirmed", "processing", "shipped", "delivered", "cancelled")
# How many of a variant there are at the start, where any are.
STOCK = 100
# Above every order of the demonstration shop, so that a new id is never an old one.
FIRST_NUMBER = 900_001


def find(shop: s.Shop, order_id: str) -> s.Order:
    """The order with this id, its own before an external one; raises `Refused`."""
    held = shop.orders.get(order_id)
    if held is None:
        held = next(
            (o for o in shop.orders.values() if o.extra.get("external_id") == order_id), None
        )
    if held is None:
        raise Refused(404, "ORDER_NOT_FOUND", "Order not found")
    return held


class Changes:
    """The handlers of the calls that change something."""

    def __init__(self, shop: s.Shop, now: Callable[[], datetime], wired: wire.Wire) -> None:
        self.shop, self.now, self.wire = shop, now, wired
        self._numbers: Iterator[int] = itertools.count(FIRST_NUMBER)
        self.stock = {
            variant.id: STOCK if variant.in_stock is not False else 0
            for product in shop.products.values()
            for variant in product.variants
        }

    async def set_status(self, request: Request) -> Response:
        """PUT /api/v1/orders/{orderId}/status"""
        order, body = find(self.shop, request.path_params["order_id"]), await _object(request)
        word, held = body.get("status"), body.get("metadata") or {}
        if word not in wire.STATUSES or not isinstance(held, dict):
            raise wrong("status", "The status is not known")
        present = wire.status(order)
        if present == "cancelled":
            raise Refused(409, "CONFLICT", "The order is cancelled")
        if word not in TRANSITIONS.get(present, ()):
            status = int(self.wire.options.bad_transition)
            raise Refused(status, "INVALID_REQUEST", f"Cannot change from {present} to {word}")
        kept = wire.metadata(order) if self.wire.options.metadata == "merge" else {}
        return self._put(request, order, status=word, metadata={**kept, **held})

    async def cancel(self, request: Request) -> Response:
        """PUT /api/v1/orders/{orderId}/cancel"""
        order, body = find(self.shop, request.path_params["order_id"]), await _object(request)
        if not isinstance(body.get("reason"), str) or not body["reason"].strip():
            raise wrong("reason", "The reason is required")
        if wire.status(order) not in TRANSITIONS:
            raise Refused(400, "INVALID_CANCELLATION", "The order cannot be cancelled")
        refunds = order.refunds
        if body.get("refundAmount") is not None:
            number = f"{order.id}_{len(refunds) + 1}"
            amount = self._refund(body["refundAmount"], order)
            ids = f"ref_{number}", f"re_sandbox_{number}"
            made = s.Refund(ids[0], amount, body["reason"], ids[1], self.now(), None, "processing")
            refunds = (*refunds, made)
        for item in order.items:
            if item.variant_id in self.stock:
                self.stock[item.variant_id] += item.quantity
        return self._put(request, replace(order, refunds=refunds), status="cancelled")

    def _refund(self, value: Any, order: s.Order) -> int:
        try:
            amount = minor(value, self.shop.currency)
        except ValueError:
            amount = 0
        if not 0 < amount <= order.total_minor:
            raise Refused(400, "INVALID_REFUND_AMOUNT", "The refund amount is not valid")
        return amount

    async def link(self, request: Request) -> Response:
        """PUT /api/v1/orders/{orderId}/link"""
        order, body = find(self.shop, request.path_params["order_id"]), await _object(request)
        external, platform = body.get("externalOrderId"), body.get("platformName")
        if not _is_text(external) or not _is_text(platform):
            raise wrong("externalOrderId", "externalOrderId and platformName are required")
        if order.extra.get("external_id") is not None:
            raise Refused(400, "ORDER_ALREADY_LINKED", "The order is linked already")
        if self._with_external_id(external) is not None:
            raise Refused(400, "EXTERNAL_ID_EXISTS", "The external id is another order's")
        held = {**wire.metadata(order), "platformName": platform}
        return self._put(request, order, external_id=external, metadata=held)

    async def create(self, request: Request) -> Response:
        """POST /api/v1/orders"""
        body = await _object(request)
        external = body.get("externalOrderId")
        if not _is_text(external):
            raise wrong("externalOrderId", "The externalOrderId is required")
        if (there := self._with_external_id(external)) is not None:
            if self.wire.options.existing == "409":
                what = "An order with this externalOrderId exists"
                raise Refused(409, "EXTERNAL_ORDER_ID_EXISTS", what)
            return self._answer(there, int(self.wire.options.existing))
        lines, status = body.get("items"), body.get("status", "confirmed")
        if not isinstance(lines, list) or not lines:
            raise wrong("items", "The items are required")
        if status not in IMPORTABLE:
            raise wrong("status", "The status is not known")
        customer, total = self._customer(body), self._amount(body, "total")
        order_id = numbered(next(self._numbers))
        items = tuple(self._item(line, f"{order_id}-{n}") for n, line in enumerate(lines, 1))
        for item in items:
            if item.variant_id in self.stock:
                self.stock[item.variant_id] -= item.quantity
        held = body.get("metadata")
        order = s.Order(
            id=order_id,
            checkout_id=f"chk_{order_id}",
            status=status,
            # No payment is processed: it is taken for paid elsewhere.
            payment="pending" if status == "pending" else "paid",
            subtotal_minor=sum(item.total_minor for item in items),
            total_minor=total,
            created_at=self.now(),
            customer=customer,
            items=items,
            status_token="",
            extra={"external_id": external, "metadata": held if isinstance(held, dict) else {}},
        )
        self.shop.put(order)
        mark_applied(request)
        return self._answer(order, 201)

    def _with_external_id(self, external: str) -> s.Order | None:
        held = self.shop.orders.values()
        return next((o for o in held if o.extra.get("external_id") == external), None)

    def _customer(self, body: Mapping[str, Any]) -> s.Customer:
        customer_id, told = body.get("customerId"), body.get("customerInfo")
        if customer_id is not None:
            known = [o.customer for o in self.shop.orders.values() if o.customer.id == customer_id]
            if not known:
                raise Refused(404, "CUSTOMER_NOT_FOUND", "Customer not found")
            return known[0]
        if not isinstance(told, dict) or not told:
            raise wrong("customerId", "The customerId or customerInfo is required")
        texts = {key: value for key, value in told.items() if isinstance(value, str)}
        email = texts.get("email", "")
        name, phone = texts.get("name"), texts.get("phoneNumber")
        return s.Customer(id=guid(email or str(texts)), email=email, name=name, phone=phone)

    def _item(self, line: Any, item_id: str) -> s.Item:
        line = line if isinstance(line, dict) else {}
        product = self.shop.products.get(str(line.get("externalProductId")))
        variants = product.variants if product else ()
        variant = next((v for v in variants if v.id == line.get("externalVariantId")), None)
        if product is None or (variants and variant is None):
            raise Refused(404, "VARIANT_NOT_FOUND", "Variant not found")
        quantity = line.get("quantity")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise wrong("quantity", "The quantity must be a positive number")
        if variant is not None and self.stock[variant.id] < quantity:
            raise Refused(400, "INSUFFICIENT_INVENTORY", "Not enough in stock")
        return s.Item(
            id=item_id,
            product_id=product.id,
            product_name=product.name,
            product_type=product.type,
            unit_price_minor=self._amount(line, "price"),
            quantity=quantity,
            variant_id=variant.id if variant else None,
            variant_name=variant.name if variant else None,
        )

    def _amount(self, held: Mapping[str, Any], name: str) -> int:
        try:
            return minor(held.get(name), self.shop.currency)
        except ValueError as error:
            raise wrong(name, f"The {name} {error}") from None

    def _put(self, request: Request, order: s.Order, **changed: Any) -> Response:
        """Keep the changed order, and answer with it."""
        # The parcel is told in the metadata, which from here on says what it says.
        tracking = None if "metadata" in changed else order.tracking
        extra = {**order.extra, "updated_at": stamp(self.now(), "seconds"), **changed}
        status = extra.get("status", order.status)
        known = status if status in s.STATUSES else order.status
        order = replace(order, status=known, tracking=tracking, extra=extra)
        self.shop.put(order)
        mark_applied(request)
        return self._answer(order)

    def _answer(self, order: s.Order, status: int = 200) -> Response:
        wanted = self.wire.options.answers
        data = self.wire.detail(order) if wanted == "order" else self.wire.row(order)
        told = {} if wanted == "nothing" else {"data": data}
        return JSONResponse({"success": True, **told}, status)


async def _object(request: Request) -> dict[str, Any]:
    try:
        return await json_object(request)
    except ValueError as error:
        raise Refused(400, "INVALID_REQUEST", str(error)) from None


def wrong(field: str, message: str) -> Refused:
    """The refusal of a field's value."""
    errors = [{"field": field, "message": message}]
    return Refused(400, "VALIDATION_ERROR", message, errors=errors)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
