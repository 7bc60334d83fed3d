"""Every behaviour of the PayNow dialect, and on whose word it behaves so.

A row is the call, what it does, its mark, and the document or the reason for the assumption.
"""

Row = tuple[str, str, str, str]

# The published material that the dialect is written from.
_SEED = "PayNow's order pages"
_API = "PayNow's OpenAPI (2026-08-19)"
_DOCS = "PayNow's documentation"

_EVERY = "every call"
_DELIVERY = "webhook delivery"
_STORE = "/v1/stores/{store_id}"
_LIST = f"GET {_STORE}/orders"
_ORDER = f"{_LIST}/{{order_id}}"
_REFUND = f"POST {_STORE}/orders/{{order_id}}/refund"
_PAYMENTS = f"GET {_STORE}/payments"
_FILES = f"GET {_STORE}/products/{{product_id}}/downloadable-files"
_URL = f"{_FILES}/{{file_id}}/download-url"
_FILE = "GET /files/{product_id}/{name}"


def _documented(route: str, what: str, source: str) -> Row:
    return (route, what, "documented", source)


def _assumed(route: str, what: str, reason: str) -> Row:
    return (route, what, "assumed", reason)


ROWS: tuple[Row, ...] = (
    _documented(_EVERY, "The key is sent as Authorization: APIKey", _SEED),
    _documented(_EVERY, "The word APIKey may be in upper or lower case", _DOCS),
    _assumed(_EVERY, "No key or a wrong one: 401 unauthorized", "Codes are not published"),
    _assumed(_EVERY, "Another store's id: 403 forbidden", "Stated is only: the key is a store's"),
    _documented(_EVERY, "An answer is the bare object or array, without an envelope", _SEED),
    _documented(_EVERY, "An error is status, code, message, trace_id and errors", _API),
    _assumed(_EVERY, "Of the codes, only bad-request stands in a document", "They are not listed"),
    _documented(_EVERY, "Ids are flakes in text, as their numbers pass 2 to the 53rd", _SEED),
    _assumed(_EVERY, "An id of another form: 400 bad-request", "Not stated"),
    _documented(_EVERY, "Amounts are whole numbers in the smallest unit, with a _str twin", _SEED),
    _documented(_EVERY, "The currency is in lower case", _SEED),
    _assumed(_EVERY, "There is no rate limit unless a fault makes one", "No document names one"),
    _assumed(_EVERY, "An unknown path or method: 404 not-found", "Not stated"),
    _documented("GET /v1/stores", "The stores of the key, with live_mode", _API),
    _documented(_LIST, "A bare array; limit from 1 to 100", _SEED),
    _assumed(_LIST, "Another limit is 400; the default is 25", "Not stated"),
    _documented(_LIST, "asc=true is the oldest first, asc=false the newest", _SEED),
    _assumed(_LIST, "Without asc the newest come first", "Not stated"),
    _documented(_LIST, "after is for paging forward, before for paging backward", _SEED),
    _assumed(_LIST, "Both go by the position in the answer's order (option paging)", "Not stated"),
    _assumed(_LIST, "after and before name an order that exists, or it is 400", "Not stated"),
    _documented(_LIST, "status may stand several times", _API),
    _assumed(_LIST, "An unknown status is 400", "Not stated"),
    _documented(_LIST, "Twelve more filters, all of which must fit; no filter by date", _SEED),
    _assumed(_LIST, "billing_email minds no case (option email_case)", "Not stated"),
    _documented(_LIST, "A row is the whole order, with lines and customer", _API),
    _assumed(_LIST, "Both can be left out (option shape)", "The documentation's page has neither"),
    _documented(_ORDER, "created, completed, canceled, refunded, chargeback", _API),
    _documented(_ORDER, "No refunds, no tracking, no address", _API),
    _assumed(_ORDER, "A failed payment leaves created and last_payment_error", "Not stated"),
    _assumed(_ORDER, "It is refunded when the refund of all of it is completed", "Not stated"),
    _assumed(_ORDER, "A refunded line leaves completed (option after_line)", "Not stated"),
    _assumed(_ORDER, "No such order: 404 not-found", "Seen in generated documents only"),
    _documented(_REFUND, "order_line_id is that line, without it it is the whole order", _SEED),
    _documented(_REFUND, "No amount and no reason: an unknown key is refused", _API),
    _documented(_REFUND, "200 with the refund, whose status may be created", _SEED),
    _assumed(_REFUND, "Only a completed order takes one, and each line once", "Not stated"),
    _assumed(
        _REFUND, "After a line the whole order takes none (option whole_after_line)", "Not stated"
    ),
    _assumed(_REFUND, "Otherwise 400 bad-request (option gate_failure)", "Not stated"),
    _documented(_REFUND, "created, processing, then completed, failed or canceled", _API),
    _assumed(
        _REFUND, "5 s until processing, 60 s until the end (option refund_ends)", "Not stated"
    ),
    _assumed(_REFUND, "A repeated request is another refund", "No idempotency is documented"),
    _documented(_PAYMENTS, "Payments with their refunds; filters order_id, status, customer", _API),
    _documented(_PAYMENTS, "refunds may be null", _API),
    _assumed(_PAYMENTS, "Without any it is an empty list (option no_refunds)", "Not stated"),
    _assumed(_PAYMENTS, "An order has one payment", "Not stated"),
    _documented(f"{_PAYMENTS}/{{payment_id}}", "One payment", _API),
    _documented(_FILES, "The files of a product, not of an order", _API),
    _assumed(_FILES, "A digital product has one file (option files)", "Not stated"),
    _documented(_URL, "download_signed_url, without an expiry", _API),
    _assumed(_URL, "A file that was never uploaded: 404", "Not stated"),
    _assumed(_FILE, "The link is good for an hour, then 403", "Not stated"),
    _documented(_DELIVERY, "PayNow-Timestamp is in milliseconds", _DOCS),
    _documented(_DELIVERY, "The signature is over the timestamp, a dot and the raw body", _DOCS),
    _assumed(_DELIVERY, "It is one digest in base64", "Third parties' verifiers; no document"),
    _documented(_DELIVERY, "The body has event_type, event_id and body", _API),
    _documented(
        _DELIVERY, "In ON_REFUND amount is the payment's, store_refund_amount its own", _API
    ),
    _documented(_DELIVERY, "There the currency is in upper case", _API),
    _assumed(_DELIVERY, "The body of other events is the order as GET gives it", "Much alike"),
)
