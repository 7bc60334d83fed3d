"""Every behaviour of the Cloove dialect, and on whose word it behaves so.

A row is the call, what it does, its mark, and the document or the reason for the assumption.
"""

Row = tuple[str, str, str, str]

# The published material that the dialect is written from. The client is a third party's, said
# to be tried against the live API in September 2026.
_PAGE = "Cloove's orders page"
_DOCS = "Cloove's documentation"
_APP = "Cloove's dashboard code"
_CLIENT = "a third-party client"

_EVERY = "every call"
_DELIVERY = "webhook delivery"
_LIST = "GET /v1/orders"
_ORDER = "GET /v1/orders/{order_id}"
_RECORD = "POST /v1/orders"


def _documented(route: str, what: str, source: str) -> Row:
    return (route, what, "documented", source)


def _assumed(route: str, what: str, reason: str) -> Row:
    return (route, what, "assumed", reason)


ROWS: tuple[Row, ...] = (
    _documented(_EVERY, "The key is sent as Authorization: Bearer", _DOCS),
    _documented(_EVERY, "401 invalid_api_key or expired_api_key, 403 missing_scope", _DOCS),
    _assumed(_EVERY, "A publishable key or a webhook secret: 401 invalid_api_key", _CLIENT),
    _documented(_EVERY, "Success is message, data and sometimes meta", f"{_PAGE}; {_DOCS}"),
    _assumed(_EVERY, "Answers also carry success (option success)", _CLIENT),
    _documented(_EVERY, "An error is error with a code, and message; 422 adds details", _DOCS),
    _assumed(_EVERY, "The code of a 422 is validation_error, of a 429 rate_limited", "Not stated"),
    _assumed(_EVERY, "An unknown path or method: 404 not_found", "Not stated"),
    _documented(_EVERY, "120 requests a minute (option rate, off unless asked for)", _DOCS),
    _assumed(_EVERY, "A 429 says Retry-After", "The documents say so, live it is often absent"),
    _assumed(_EVERY, "The front end's 403 error code: 1010 (option user_agents)", _CLIENT),
    _assumed(_EVERY, "Amounts are naira with decimals, not kobo", f"{_CLIENT}; samples show 5000"),
    _assumed(_EVERY, "Amounts may be texts (option amounts)", _CLIENT),
    _documented(_EVERY, "Status words are in capitals", _PAGE),
    _assumed(_EVERY, "Live they are in lower case (option words)", _CLIENT),
    _assumed(_EVERY, "Beside the four documented words: SCHEDULED, DRAFT, VOIDED", _CLIENT),
    _assumed(_EVERY, "No call changes an order or sends it to the kitchen", "A client's word only"),
    _documented(_LIST, "Rows have the sample's fields, without lines", _PAGE),
    _assumed(_LIST, "Rows with all that was seen live (option shape)", _CLIENT),
    _documented(_LIST, "status takes several words with commas", _PAGE),
    _assumed(_LIST, "Upper and lower case of a word do not matter", "Documents and client differ"),
    _assumed(_LIST, "An unknown word yields nothing (option unknown_status)", "Not stated"),
    _documented(_LIST, "page and limit; meta has total, perPage, totalPages, hasMore", _PAGE),
    _documented(_LIST, "The default limit is 50", _PAGE),
    _assumed(_LIST, "The maximum is 100; more is clamped (option over_limit)", "Not stated"),
    _assumed(_LIST, "Newest first", _CLIENT),
    _documented(_LIST, "start_date and end_date include the date", _PAGE),
    _assumed(_LIST, "A bare end_date is its midnight (option end_date)", "Not stated"),
    _documented(_LIST, "customer_id and store_id filter", _PAGE),
    _documented(_ORDER, "One order with its lines", _PAGE),
    _assumed(_ORDER, "Beside the sample's fields those seen live (option shape)", _CLIENT),
    _assumed(_ORDER, "A line's fields, with and without ids (option shape)", f"{_CLIENT}; {_APP}"),
    _documented(_ORDER, "Another business's order: 404 not_found", _PAGE),
    _documented(_RECORD, "201 with the recorded order", _PAGE),
    _assumed(_RECORD, "201 with saleId alone (option created)", _APP),
    _assumed(_RECORD, "A field that is not known is ignored", _CLIENT),
    _assumed(_RECORD, "A price comes from custom_price, else from the catalogue", "Not stated"),
    _assumed(_RECORD, "A line without a price: 422", "Not stated"),
    _assumed(_RECORD, "amount_paid left out means paid in full", "Not stated"),
    _documented(_RECORD, "amount_paid below the total makes a credit sale", _PAGE),
    _assumed(_RECORD, "A credit sale is COMPLETED (option credit)", "Not stated"),
    _documented(_RECORD, "The same Idempotency-Key and body: the first answer again", _DOCS),
    _documented(_RECORD, "It then says Idempotency-Replayed: true", _DOCS),
    _documented(_RECORD, "Another body: 409 idempotency_key_reused", _DOCS),
    _documented(_RECORD, "While it runs: 409 request_in_progress (option in_progress)", _DOCS),
    _assumed(_RECORD, "A key is kept as long as the sandbox runs", "Not stated"),
    _assumed(_RECORD, "Without a key a repeated request is another sale", "Not stated"),
    _documented(_DELIVERY, "Cloove-Signature: t= and v1= over time, dot and raw body", _DOCS),
    _documented(_DELIVERY, "The body has id, type, created, environment and data", _DOCS),
    _assumed(_DELIVERY, "data names a sale by entityId, with shortCode and totalAmount", _CLIENT),
)
