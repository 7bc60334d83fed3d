"""Every behaviour of each dialect, and on whose word it behaves so.

The control page `/_sandbox` and references/sandbox.md show this table.
"""

from dataclasses import dataclass

from order_skills.sandbox import cloove_behaviours, paynow_behaviours, vesuviopay_behaviours

DOCUMENTED = "documented"
ASSUMED = "assumed"

# The published material that the Clawver dialect is written from.
_OLD = "Clawver Orders skill 1.0.0"
_NEW = "Clawver Orders skill 1.0.3"
_BOTH = "Clawver Orders skill 1.0.0 and 1.0.3"
_REPO = "clawver-skills repository"

_EVERY = "every call"
_DELIVERY = "webhook delivery"
_LIST = "GET /v1/orders"
_ORDER = "GET /v1/orders/{order_id}"
_REFUND = "POST /v1/orders/{order_id}/refund"
_DOWNLOAD = "GET /v1/orders/{order_id}/download/{item_id}"
_PUBLIC_DOWNLOAD = f"{_DOWNLOAD}/public"
_PUBLIC_STATUS = "GET /v1/orders/{order_id}/public"
_RECEIPT = "GET /v1/checkout/{checkout_id}/receipt"
_FILE = "GET /files/{order_id}/{item_id}/{name}"
_HOOKS = "/v1/webhooks"
_PRODUCTS = "GET /v1/products"

# Routes of the table that are no route of the API.
BEYOND_ROUTES = (_EVERY, _DELIVERY)


@dataclass(frozen=True)
class Behaviour:
    """What a call does. `source` names the document, or the reason for the assumption."""

    route: str
    what: str
    mark: str
    source: str


def _documented(route: str, what: str, source: str) -> Behaviour:
    return Behaviour(route, what, DOCUMENTED, source)


def _assumed(route: str, what: str, reason: str) -> Behaviour:
    return Behaviour(route, what, ASSUMED, reason)


_CLAWVER_EVERY = (
    _documented(_EVERY, "The key is sent as Authorization: Bearer", _BOTH),
    _assumed(_EVERY, "No key or a wrong one: 401 UNAUTHORIZED", "The code is listed, not when"),
    _documented(_EVERY, "Success is success, data and sometimes meta", _OLD),
    _documented(_EVERY, "An error is success false and error with code and message", _REPO),
    _assumed(_EVERY, "An unknown path or method: 404 RESOURCE_NOT_FOUND", "Code listed, not when"),
    _documented(
        _EVERY, "Too many requests: RATE_LIMITED, in the old era RATE_LIMIT_EXCEEDED", _REPO
    ),
    _assumed(
        _EVERY, "There is no rate limit unless a fault makes one", "Its numbers were withdrawn"
    ),
    _assumed(_EVERY, "Amounts are US cents", "The currency is never stated; samples show $"),
    _documented(_EVERY, "The platform's fee is two per cent of the subtotal", f"{_OLD}; {_REPO}"),
    _assumed(_EVERY, "In the old era an order's times have no fraction", "The sample has none"),
)
_CLAWVER_ORDERS = (
    _documented(_LIST, "Old era: rows hold id, status, totalInCents, createdAt", _OLD),
    _assumed(_LIST, "New era: rows add paymentStatus (option rows)", "No sample of that era"),
    _documented(_LIST, "Old era: cursor paging by meta.pagination", _OLD),
    _documented(_LIST, "New era: limit only; a cursor is neither taken nor given", _NEW),
    _assumed(_LIST, "New era: the answer has no meta", "No sample of that era"),
    _documented(_LIST, "status filters by the word in the order's status", _BOTH),
    _documented(_LIST, "An unknown status yields no orders, and no error", _REPO),
    _assumed(_LIST, "The default limit is 20", "The sample's meta says 20"),
    _assumed(_LIST, "The maximum is 100; more is clamped (option over_limit)", "Not stated"),
    _assumed(_LIST, "A limit that is no positive integer: 400", "Not stated"),
    _assumed(_LIST, "Newest first", "The order of results is not stated"),
    _documented(_ORDER, "data.order with items, shippingAddress, tracking and refunds", _OLD),
    _documented(_ORDER, "New era: paymentStatus beside status", _NEW),
    _documented(_ORDER, "Old era: no paymentStatus; paid and refunded are words of status", _OLD),
    _documented(_ORDER, "Print-on-demand items have variantId and variantName", _NEW),
    _assumed(_ORDER, "variantId may be a variant's id or its printfulVariantId", "Both are seen"),
    _assumed(_ORDER, "An order has a checkoutId", "Otherwise nothing leads to its receipt"),
    _assumed(_ORDER, "No tokens in the detail (option tokens_in_detail)", "Not stated"),
    _documented(_ORDER, "Tracking is null until the parcel is shipped", _BOTH),
    _assumed(_ORDER, "No such order: 404 RESOURCE_NOT_FOUND", "The code is listed, not when"),
    _documented(_REFUND, "amountInCents must be a positive integer, reason must be there", _BOTH),
    _documented(_REFUND, "More than what is left is refused", _BOTH),
    _assumed(_REFUND, "These refusals are 400 VALIDATION_ERROR", "Codes are listed, not when"),
    _documented(_REFUND, "New era: paymentStatus must be paid or partially_refunded", _NEW),
    _documented(_REFUND, "Old era: status must be paid or processing", _OLD),
    _assumed(_REFUND, "Otherwise 409 CONFLICT (option gate_failure)", "Not stated"),
    _documented(_REFUND, "The answer's order has refunds with the reason as it was sent", _OLD),
    _assumed(_REFUND, "The answer's order is as short as the sample (option refund_answer)", _OLD),
    _documented(_REFUND, "New era: paymentStatus changes and status stays", _NEW),
    _assumed(
        _REFUND,
        "Old era: status stays after a part, is refunded after all (option old_partial_status)",
        "The table says fully refunded, the sample shows refunded after a part",
    ),
    _assumed(_REFUND, "A repeated request is another refund", "No idempotency is documented"),
)
_CLAWVER_LINKS = (
    _documented(_DOWNLOAD, "downloadUrl, expiresInMinutes 60, fileName, fileSizeBytes", _OLD),
    _assumed(_DOWNLOAD, "An item that is not digital: 400", "Stated is only: for digital items"),
    _assumed(_DOWNLOAD, "An order that was not paid: 400", "Not stated"),
    _assumed(_DOWNLOAD, "A refunded order still gets its link", "Not stated"),
    _documented(_PUBLIC_DOWNLOAD, "Needs no key, but the item's downloadToken", _NEW),
    _assumed(_PUBLIC_DOWNLOAD, "Answers as the owner's call does", "The shape is not documented"),
    _assumed(_PUBLIC_DOWNLOAD, "No token: 401; a wrong one: 403", "Stated is only that it fails"),
    _documented(_PUBLIC_STATUS, "Needs no key, but the order's orderStatusToken", _NEW),
    _assumed(_PUBLIC_STATUS, "A few fields of the order", "The shape is not documented"),
    _documented(_RECEIPT, "Shows the download tokens of the order's items", _NEW),
    _assumed(_RECEIPT, "data.order with items, downloadToken, orderStatusToken", "No shape stated"),
    _assumed(_RECEIPT, "Needs no key", "No sample shows one"),
    _assumed(_RECEIPT, "404 until the checkout is paid", "Not stated"),
    _documented(_FILE, "The link is signed and expires", _OLD),
    _assumed(_FILE, "Expired or falsified: 403", "The storage host is not documented"),
)
_CLAWVER_STORE = (
    _documented(f"POST {_HOOKS}", "Takes url, events and a secret of at least 16", _BOTH),
    _assumed(f"POST {_HOOKS}", "Anything else is 400, success 201", "Not stated"),
    _assumed(f"POST {_HOOKS}", "The secret is never told again", "The shape is not documented"),
    _documented(f"GET {_HOOKS}", "Lists the webhooks", _REPO),
    _assumed(f"GET {_HOOKS}", "data.webhooks with id, url, events, createdAt", "No shape stated"),
    _documented(f"DELETE {_HOOKS}/{{webhook_id}}", "Deletes a webhook", _REPO),
    _assumed(f"DELETE {_HOOKS}/{{webhook_id}}", "200 with id and deleted", "No shape stated"),
    _documented(_PRODUCTS, "data.products, filtered by status active, draft or archived", _REPO),
    _documented(_PRODUCTS, "meta.pagination has no cursor", _REPO),
    _documented(f"{_PRODUCTS}/{{product_id}}", "data.product; printOnDemand.variants", _REPO),
    _documented(f"{_PRODUCTS}/{{product_id}}", "Legacy products have no variants", _REPO),
    _assumed(
        f"{_PRODUCTS}/{{product_id}}",
        "availabilityStatus of what is in stock is in_stock",
        "The only word seen is out_of_stock",
    ),
    _documented("GET /v1/stores/me", "Tells whose key it is", _REPO),
    _assumed("GET /v1/stores/me", "data.store with id, name and status", "No shape stated"),
    _documented(_DELIVERY, "X-Claw-Signature: sha256= and the hex HMAC of the raw body", _BOTH),
    _documented(_DELIVERY, "The body has event, timestamp and data, and no id", _OLD),
    _documented(_DELIVERY, "Nine events; six of them in the old era", _REPO),
)

BEHAVIOURS: dict[str, tuple[Behaviour, ...]] = {
    "clawver": (*_CLAWVER_EVERY, *_CLAWVER_ORDERS, *_CLAWVER_LINKS, *_CLAWVER_STORE),
    "paynow": tuple(Behaviour(*row) for row in paynow_behaviours.ROWS),
    "cloove": tuple(Behaviour(*row) for row in cloove_behaviours.ROWS),
    "vesuviopay": tuple(Behaviour(*row) for row in vesuviopay_behaviours.ROWS),
}
