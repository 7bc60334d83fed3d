"""Customers' e-mail, phone and address, masked unless the owner shows them.

What a platform keeps as free text may hold any of them: notes are masked whole, and of other
free fields each that names or looks like one. In names and reasons, which say more than that, an
e-mail address is masked where it stands.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from order_skills import text
from order_skills.orders import Item, Order
from order_skills.settings import Settings

_MASK = "***"
# Words of a field's name that announce personal data, and last words that announce none.
_PERSONAL = frozenset(
    {
        *("address", "street", "city", "zip", "postcode", "postal", "ip", "birthday"),
        *("phone", "telephone", "tel", "mobile", "whatsapp", "email", "mail", "contact"),
        *("recipient", "note", "notes", "comment", "comments", "message", "instructions"),
    }
)
_PERSONS = frozenset({"customer", "first", "last", "full", "family", "billing", "shipping"})
_CODES = frozenset({"id", "number", "no", "ref", "reference", "code", "sku", "key", "version"})
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LIKE_PHONE = re.compile(r"\+?[0-9(][0-9 ().\-/]{5,24}")
_FEWEST_DIGITS = 7
_EMAIL = re.compile(r"[^\s@<>()\[\]{},;:\"'/|]+@[\w-]+(?:\.[\w-]+)+")
# More words than this make a sentence, which may say anything.
_MOST_WORDS = 3


def shown(order: Order, settings: Settings) -> Order:
    """The order as this owner lets an agent see it."""
    if settings.personal_data == "shown":
        return order
    changes: dict[str, object] = {}
    if (customer := order.customer) is not None:
        changes["customer"] = customer.model_copy(
            update={
                "name": customer.name and _without_emails(customer.name),
                "email": customer.email and text.mask_email(customer.email),
                "phone": customer.phone and text.mask_phone(customer.phone),
            }
        )
    if order.items is not None:
        changes["items"] = tuple(_renamed(item) for item in order.items)
    if order.refunds is not None:
        changes["refunds"] = tuple(
            refund.model_copy(update={"reason": _without_emails(refund.reason)})
            if refund.reason
            else refund
            for refund in order.refunds
        )
    if order.shipping_address is not None:
        changes["shipping_address"] = text.mask_address(order.shipping_address)
    if order.platform is not None:
        changes["platform"] = _masked(order.platform)
    return order.model_copy(update=changes)


def words_shown(words: str, settings: Settings) -> str:
    """A name or a reason as this owner lets an agent see it."""
    return words if settings.personal_data == "shown" else _without_emails(words)


def _renamed(item: Item) -> Item:
    """The item, without an address that its buyer had put on it, such as on a voucher."""
    variant = item.variant_name and _without_emails(item.variant_name)
    return item.model_copy(update={"name": _without_emails(item.name), "variant_name": variant})


def _without_emails(value: str) -> str:
    return _EMAIL.sub(lambda found: text.mask_email(found[0]), value) if "@" in value else value


def _masked(platform: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(platform)
    if "notes" in masked:
        masked["notes"] = _MASK
    if isinstance(held := masked.get("metadata"), Mapping):
        masked["metadata"] = {
            key: _MASK if _may_be_personal(key, value) else value for key, value in held.items()
        }
    return masked


def _may_be_personal(name: str, value: object) -> bool:
    """Whether a free field may hold an e-mail, a phone, an address or a sentence about somebody.

    Judged by its name and its form; what is doubtful counts as personal.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    words = [word.lower() for word in _NAME_WORD.findall(name)] or [""]
    if not _PERSONAL.isdisjoint(words):
        return True
    if words[-1] in ("name", "surname") and set(words[:-1]) <= _PERSONS:
        return True
    told = str(value)
    if "@" in told:
        return True
    if _is_time(told) or words[-1] in _CODES:
        return False
    digits = sum(char.isdigit() for char in told)
    if _LIKE_PHONE.fullmatch(told) and digits >= _FEWEST_DIGITS:
        return True
    return len(told.split()) > (1 if digits else _MOST_WORDS)


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return "-" in value
