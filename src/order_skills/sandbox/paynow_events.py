"""PayNow's webhooks: what an event says of an order, and how it is signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from order_skills.sandbox import shop as s
from order_skills.sandbox.paynow import PayNow
from order_skills.sandbox.paynow_wire import flake


def data(dialect: PayNow, event: str, order: s.Order) -> dict[str, Any]:
    """The `body` of an event of an order."""
    currency = dialect.shop.currency.upper()
    if event != "ON_REFUND":
        return {**dialect.wire.order(order), "currency": currency}
    if not order.refunds:
        raise LookupError("the order has no refund")
    made = dialect.wire.refund(order, order.refunds[-1])
    # Documented: the initial payment's amount; what went back is `store_refund_amount`.
    more = {"order_id": flake(order.id), "amount": order.total_minor, "currency": currency}
    return {**made, "billing_email": order.customer.email, **more}


def signed(
    hook: s.Webhook, event: str, held: Mapping[str, Any], at: datetime
) -> tuple[dict[str, str], bytes]:
    """The headers and the bytes of an event as it is sent."""
    timestamp = str(int(at.timestamp() * 1000))
    name = f"event {event} {timestamp} {held.get('id')}"
    sent = {"event_type": event, "event_id": flake(name), "body": held}
    body = json.dumps(sent).encode()
    return {
        "paynow-timestamp": timestamp,
        "paynow-signature": signature(hook.secret, timestamp, body),
    }, body


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of PayNow-Signature for these bytes, sent at this time."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
