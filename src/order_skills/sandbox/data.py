"""The JSON form of a shop (`--data FILE`): checked word by word, then built.

Every refusal is a `DataError` whose text begins with the path of the bad value, such as
`orders[3].items[0].quantity`. The form is described in references/sandbox.md.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from order_skills.sandbox import shop as s

_REQUIRED: Any = object()


class DataError(ValueError):
    """The data cannot be used; the text names the place and what should stand there."""


def read(path: str | Path) -> dict[str, Any]:
    """Read a data file into the form that `load` takes."""
    try:
        parsed = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text") from None
    except RecursionError:
        raise DataError(f"{path}: is nested too deeply") from None
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error})") from None
    if not isinstance(parsed, dict):
        raise DataError(f"{path}: must be a JSON object")
    return parsed


def load(data: Mapping[str, Any], now: datetime) -> s.Shop:
    """Build the shop that `data` describes; `hours_ago` counts back from `now`."""
    root = _Node(data, "")
    store = root.node("store", {})
    made = s.Shop(
        id=store.text("id", "store_sandbox"),
        name=store.text("name", "Sandbox store"),
        currency=root.text("currency", "USD"),
    )
    store.done()
    for node in root.nodes("products"):
        product = _product(node)
        if product.id in made.products:
            raise node.wrong("id", "is already the id of another product")
        made.products[product.id] = product
    checkouts: set[str] = set()
    for node in root.nodes("orders"):
        order = _order(node, made, now)
        if order.id in made.orders:
            raise node.wrong("id", "is already the id of another order")
        if order.checkout_id in checkouts:
            raise node.wrong("checkout_id", "is already another order's checkout")
        made.orders[order.id] = order
        checkouts.add(order.checkout_id)
    root.done()
    return made


def token(prefix: str, *parts: str) -> str:
    """A made-up secret that is the same for the same parts."""
    return prefix + hashlib.sha256("|".join(("order-skills sandbox", *parts)).encode()).hexdigest()


def _product(node: "_Node") -> s.Product:
    price = node.whole("price_minor", least=0)
    product = s.Product(
        id=node.text("id"),
        name=node.text("name"),
        type=node.choice("type", s.PRODUCT_TYPES),
        price_minor=price,
        status=node.choice("status", s.PRODUCT_STATUSES, "active"),
        file_name=node.text("file_name", None),
        provider_product_id=node.text("provider_product_id", None),
        provider_variant_id=node.text("provider_variant_id", None),
        variants=tuple(_variant(each, price) for each in node.nodes("variants")),
        legacy=node.flag("legacy", False),
    )
    if product.variants and product.type != s.PRINT_ON_DEMAND:
        raise node.wrong("variants", "belong to print_on_demand products only")
    for key in ("id", "provider_id"):
        ids = [getattr(variant, key) for variant in product.variants]
        if len(set(ids)) != len(ids):
            raise node.wrong("variants", f"have the same {key} twice")
    node.done()
    return product


def _variant(node: "_Node", price_minor: int) -> s.Variant:
    variant = s.Variant(
        id=node.text("id"),
        name=node.text("name"),
        price_minor=node.whole("price_minor", price_minor, least=0),
        provider_id=node.text("provider_id"),
        size=node.text("size", None),
        in_stock=node.flag("in_stock", None),
    )
    node.done()
    return variant


def _order(node: "_Node", shop: s.Shop, now: datetime) -> s.Order:
    order_id = node.text("id")
    created = node.moment(now, _REQUIRED)
    nodes = list(node.nodes("items", least=1))
    items = tuple(_item(each, shop, order_id, n) for n, each in enumerate(nodes, 1))
    if len({item.id for item in items}) != len(items):
        raise node.wrong("items", "have the same id twice")
    status = node.choice("status", s.STATUSES)
    payment = node.choice("payment", s.PAYMENTS, "pending" if status == "pending" else "paid")
    subtotal = node.whole("subtotal_minor", sum(item.total_minor for item in items), least=0)
    address = node.node("shipping_address", None)
    tracking = node.node("tracking", None)
    order = s.Order(
        id=order_id,
        checkout_id=node.text("checkout_id", f"chk_{order_id}"),
        status=status,
        payment=payment,
        subtotal_minor=subtotal,
        total_minor=node.whole("total_minor", subtotal, least=0),
        created_at=created,
        paid_at=created + timedelta(minutes=1) if payment == "paid" else None,
        customer=_customer(node.node("customer")),
        items=items,
        status_token=node.text("status_token", token("ost_", order_id)),
        era=node.choice("era", ("new", "old"), "new"),
        shipping_address=address.texts() if address else None,
        tracking=_tracking(tracking) if tracking else None,
        disputed=node.flag("disputed", False),
        extra=node.node("extra", {}).value,
        refunds=tuple(
            _refund(each, order_id, n, created, now)
            for n, each in enumerate(node.nodes("refunds"), 1)
        ),
    )
    if order.refunds and (order.payment != "paid" or order.remaining_minor < 0):
        raise node.wrong("refunds", "come to more than was paid")
    node.done()
    return order


def _item(node: "_Node", shop: s.Shop, order_id: str, number: int) -> s.Item:
    product = shop.products.get(node.text("product_id"))
    if product is None:
        raise node.wrong("product_id", "names no product of this file")
    variant_id = node.text("variant_id", None)
    variant = next((v for v in product.variants if variant_id in (v.id, v.provider_id)), None)
    if variant_id is not None and product.variants and variant is None:
        raise node.wrong("variant_id", "names no variant of this product")
    item_id = node.text("id", f"item_{order_id.removeprefix('ord_')}_{number}")
    digital = product.type == s.DIGITAL
    price = variant.price_minor if variant else product.price_minor
    item = s.Item(
        id=item_id,
        product_id=product.id,
        product_name=node.text("name", product.name),
        product_type=product.type,
        unit_price_minor=node.whole("unit_price_minor", price, least=0),
        quantity=node.whole("quantity", 1, least=1),
        variant_id=variant_id,
        variant_name=node.text("variant_name", variant.name if variant else None),
        download_token=token("dlt_", order_id, item_id) if digital else None,
    )
    node.done()
    return item


def _refund(
    node: "_Node", order_id: str, number: int, created: datetime, now: datetime
) -> s.Refund:
    name = f"{order_id.removeprefix('ord_')}_{number}"
    refund = s.Refund(
        id=node.text("id", f"ref_{name}"),
        amount_minor=node.whole("amount_minor", least=1),
        reason=node.text("reason"),
        processor_id=node.text("processor_id", f"re_sandbox_{name}"),
        created_at=node.moment(now, created + timedelta(hours=1)),
        item_id=node.text("item_id", None),
        status=node.choice("status", s.REFUND_STATUSES, "completed"),
    )
    node.done()
    return refund


def _customer(node: "_Node") -> s.Customer:
    email = node.text("email")
    customer = s.Customer(
        id=node.text("id", token("cus_", email)[:16]),
        email=email,
        name=node.text("name", None),
        phone=node.text("phone", None),
    )
    node.done()
    return customer


def _tracking(node: "_Node") -> s.Tracking:
    tracking = s.Tracking(node.text("carrier"), node.text("number"), node.text("url"))
    node.done()
    return tracking


class _Node:
    """An object of the data with the path that leads to it; it remembers which keys were read."""

    def __init__(self, value: Any, path: str) -> None:
        self.path = path
        if not isinstance(value, Mapping):
            raise DataError(f"{path or 'the data'}: must be an object")
        self.value = value
        self.known: set[str] = set()

    def wrong(self, key: str, what: str) -> DataError:
        return DataError(f"{self._at(key)}: {what}")

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _get(self, key: str, default: Any) -> Any:
        self.known.add(key)
        if self.value.get(key) is not None:
            return self.value[key]
        if default is _REQUIRED:
            raise self.wrong(key, "is missing")
        return default

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        value = self._get(key, default)
        if value is not default and (not isinstance(value, str) or not value):
            raise self.wrong(key, "must be a text that is not empty")
        return value

    def whole(self, key: str, default: Any = _REQUIRED, *, least: int) -> int:
        value = self._get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(key, f"must be a whole number of at least {least}")
        return value

    def flag(self, key: str, default: Any) -> Any:
        value = self._get(key, default)
        if value is not default and not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def choice(self, key: str, words: Sequence[str], default: Any = _REQUIRED) -> str:
        value = self._get(key, default)
        if value not in words:
            raise self.wrong(key, f"must be one of {', '.join(words)}")
        return str(value)

    def moment(self, now: datetime, default: Any) -> datetime:
        """`created_at` (ISO 8601 with an offset) or `hours_ago`; exactly one of them."""
        if self.value.get("created_at") is not None and self.value.get("hours_ago") is not None:
            raise self.wrong("hours_ago", "cannot stand beside created_at")
        hours = self._get("hours_ago", None)
        if hours is not None:
            if (
                not isinstance(hours, int | float)
                or isinstance(hours, bool)
                or not 0 <= hours < 1e6
            ):
                raise self.wrong("hours_ago", "must be a number of hours, from 0")
            return now - timedelta(hours=hours)
        raw = self._get("created_at", default)
        if isinstance(raw, datetime):
            return raw
        try:
            at = datetime.fromisoformat(raw)
        except (TypeError, ValueError):
            raise self.wrong("created_at", "must be a time such as 2026-01-31T09:30:00Z") from None
        if at.tzinfo is None:
            raise self.wrong("created_at", "must say its offset from UTC, such as Z")
        return at.astimezone(UTC)

    def texts(self) -> dict[str, str]:
        return {key: self.text(key) for key in self.value}

    def node(self, key: str, default: Any = _REQUIRED) -> Any:
        value = self._get(key, default)
        return None if value is None else _Node(value, self._at(key))

    def nodes(self, key: str, *, least: int = 0) -> Iterator["_Node"]:
        value = self._get(key, [] if least == 0 else _REQUIRED)
        if not isinstance(value, list) or len(value) < least:
            raise self.wrong(key, "must be a list" + (" that is not empty" if least else ""))
        return (_Node(each, f"{self._at(key)}[{n}]") for n, each in enumerate(value))

    def done(self) -> None:
        unknown = sorted(str(key) for key in self.value if key not in self.known)
        if unknown:
            raise self.wrong(unknown[0], "is not known here")
