"""Every behaviour of the VesuvioPay dialect, and on whose word it behaves so.

A row is the call, what it does, its mark, and the document or the reason for the assumption.
"""

Row = tuple[str, str, str, str]

# The published material that the dialect is written from; its pages contradict each other.
_PAGE = "VesuvioPay's orders page"
_DOCS = "VesuvioPay's API reference"
_GUIDE = "VesuvioPay's guides"

_EVERY = "every call"
_DELIVERY = "webhook delivery"
_LIST = "GET /api/v1/orders"
_ORDER = "GET /api/v1/orders/{order_id}"
_CREATE = "POST /api/v1/orders"
_STATUS = "PUT /api/v1/orders/{order_id}/status"
_CANCEL = "PUT /api/v1/orders/{order_id}/cancel"
_LINK = "PUT /api/v1/orders/{order_id}/link"


def _documented(route: str, what: str, source: str) -> Row:
    return (route, what, "documented", source)


def _assumed(route: str, what: str, reason: str) -> Row:
    return (route, what, "assumed", reason)


ROWS: tuple[Row, ...] = (
    _documented(_EVERY, "The key is sent as X-API-Key and is a private one", f"{_PAGE}; {_GUIDE}"),
    _documented(_EVERY, "No key or a wrong one: 401 INVALID_API_KEY", _DOCS),
    _assumed(_EVERY, "A public key: 403 NO_STORE_ACCESS", "The code is listed, not when"),
    _documented(_EVERY, "Success is success and data", _PAGE),
    _documented(_EVERY, "An error is success false, message and errorCode", _GUIDE),
    _documented(_EVERY, "A field that is not valid: 400 with errors", _GUIDE),
    _assumed(_EVERY, "Its code is VALIDATION_ERROR", "The guide says VALIDATION_FAILED"),
    _assumed(_EVERY, "An unknown path or method: 404 NOT_FOUND", "Not stated"),
    _documented(_EVERY, "There is no rate limit (option rate)", f"{_GUIDE}: planned"),
    _documented(_EVERY, "Amounts are decimals in major units", _PAGE),
    _assumed(_EVERY, "Amounts may be texts (option amounts)", "Not stated"),
    _documented(_EVERY, "A path takes the order's id or its external id", f"{_PAGE}: most of them"),
    _assumed(_EVERY, "Where both could be meant, its own id comes first", "Not stated"),
    _documented(_EVERY, "No such order: 404 ORDER_NOT_FOUND", _DOCS),
    _assumed(_EVERY, "No webhook is sent for a change made here", "Three pages say so, two not"),
    _documented(_LIST, "data has orders, total and limit", _PAGE),
    _documented(_LIST, "limit is 1 to 50, 50 by default; else 400 INVALID_REQUEST", _DOCS),
    _documented(_LIST, "Newest first, and no way to page but by dates", f"{_PAGE}; {_DOCS}"),
    _documented(_LIST, "dateFrom and dateTo filter by the creation", _PAGE),
    _assumed(_LIST, "dateTo includes its moment (option date_to)", "Not stated"),
    _documented(_LIST, "A date that is none: 400 INVALID_REQUEST", _DOCS),
    _documented(_LIST, "status takes one word", _PAGE),
    _assumed(_LIST, "Its upper and lower case do not matter", "Pages differ"),
    _assumed(_LIST, "An unknown word: 400 INVALID_REQUEST", "Not stated"),
    _assumed(_LIST, "createdAt shows whole seconds (option times)", f"{_PAGE}: its samples do"),
    _assumed(_LIST, "Status words are in lower case (option capitals)", "Pages differ"),
    _assumed(_ORDER, "data is the order itself", f"{_PAGE}; the path follows from its siblings"),
    _documented(_ORDER, "Lines, customer, subtotal, tax, shipping and metadata", _PAGE),
    _assumed(_ORDER, "No payment status (option payment_status)", "Promised, shown in no sample"),
    _documented(_STATUS, "Takes status and metadata", _PAGE),
    _documented(_STATUS, "A status that cannot follow is refused", _PAGE),
    _assumed(_STATUS, "By 400 INVALID_REQUEST (option bad_transition)", "Pages differ"),
    _assumed(_STATUS, "A cancelled order: 409", f"{_PAGE} names no code"),
    _assumed(_STATUS, "created is followed as pending is", "In no table of transitions"),
    _assumed(_STATUS, "metadata replaces what was there (option metadata)", "Not stated"),
    _assumed(_STATUS, "Answers with the order (option answers)", "Not stated"),
    _documented(_CANCEL, "Takes reason, refundAmount and notifyCustomer", _PAGE),
    _documented(_CANCEL, "Delivered or cancelled: 400 INVALID_CANCELLATION", _DOCS),
    _documented(_CANCEL, "Not above 0 up to the total: 400 INVALID_REFUND_AMOUNT", _DOCS),
    _documented(_CANCEL, "A refund is begun only where refundAmount is given", _DOCS),
    _assumed(_CANCEL, "It is never shown", "No field for it in any sample"),
    _documented(_CANCEL, "What was in stock before is again", _DOCS),
    _assumed(_CANCEL, "Answers with the order (option answers)", "Not stated"),
    _documented(_CREATE, "201; status confirmed unless told", _DOCS),
    _documented(_CREATE, "customerInfo may stand for customerId", _DOCS),
    _documented(_CREATE, "An unknown customer: 404 CUSTOMER_NOT_FOUND", _DOCS),
    _documented(_CREATE, "Its own prices count; no payment is made", _DOCS),
    _documented(_CREATE, "Variants must exist: 404 VARIANT_NOT_FOUND", _DOCS),
    _documented(_CREATE, "Stock goes down; too little: 400 INSUFFICIENT_INVENTORY", _DOCS),
    _documented(_CREATE, "The same externalOrderId: 409 EXTERNAL_ORDER_ID_EXISTS", _DOCS),
    _assumed(_CREATE, "Or the order that is there (option existing)", f"{_PAGE}: safe to retry"),
    _assumed(_CREATE, "Answers with the order (option answers)", "Not stated"),
    _documented(_LINK, "Takes externalOrderId and platformName", _PAGE),
    _documented(_LINK, "Linked before: 400 ORDER_ALREADY_LINKED", _DOCS),
    _documented(_LINK, "Another order's id: 400 EXTERNAL_ID_EXISTS", _DOCS),
    _assumed(_LINK, "Answers with the order (option answers)", "Not stated"),
    _documented(_DELIVERY, "X-Webhook-Signature: sha256= and the HMAC of the raw body", _GUIDE),
    _documented(_DELIVERY, "The body has id, type, created_at and data", _GUIDE),
    _assumed(_DELIVERY, "data has orderId", "Its fields are listed by example"),
)
