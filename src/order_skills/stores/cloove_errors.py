"""What Cloove's errors mean: in words for an agent, and whether a sale may be sent again."""

import random
import re
from collections.abc import Mapping

from order_skills.errors import Code, Happened, StoreError
from order_skills.stores.reading import mapping, rows

# The platform's own codes, and what an agent is told of those that say more than the status.
ERRORS: Mapping[str, tuple[str, str] | None] = {
    "invalid_api_key": None,
    "expired_api_key": ("says that the store's key has expired", "ask the owner for a new key"),
    "missing_scope": (
        "says that the store's key lacks the scope {scope}",
        "ask the owner to give the key this scope",
    ),
    "ip_not_allowed": (
        "does not take the store's key from this machine's address",
        "ask the owner to allow this address for the key",
    ),
    "origin_not_allowed": (
        "takes the store's key from certain web pages only",
        "ask the owner for a key without that bound",
    ),
    "not_found": None,
    "idempotency_key_reused": None,
    "request_in_progress": None,
}
# A field of a sale as Cloove names it → the argument that it is sent from.
_ARGUMENTS: Mapping[str, str] = {
    "items": "items",
    "product_name": "items.name",
    "quantity": "items.quantity",
    "custom_price": "items.price_minor",
    "product_id": "items.product_id",
    "variant_id": "items.variant_id",
    "payment_method": "payment_method",
    "amount_paid": "amount_paid_minor",
    "discount_amount": "discount_minor",
    "customer_id": "customer_id",
    "customer_name": "customer_name",
    "store_id": "store_id",
    "channel": "channel",
    "notes": "notes",
}
_FIELD = "field:"
# More of a hostile answer is not worth reading.
_MAX_DETAILS, _MAX_FIELD = 50, 100
# A 403 without a code of Cloove's own: the front end's, which never asked about the key.
_FRONT_END = (
    "has a front end (Cloudflare) that turned this request away before the store saw it",
    "tell the owner: this machine's network is refused, whatever rights the key has",
)

# At most two more attempts with the same key.
MAX_RETRIES = 2
MAX_WAIT_SECONDS = 20.0
# Where a 429 does not say how long, as it often does not.
RATE_LIMITED_SECONDS = (15.0, 30.0)
IN_PROGRESS_SECONDS = 2.0
BACKOFF_SECONDS = 0.5


def error_code(body: object) -> str | None:
    """The platform's own code in an error's JSON, if it is a known one.

    Of a request that is not valid: `field:` and our argument of the first field it complains of.
    """
    told = mapping(body).get("error")
    if isinstance(told, str) and told in ERRORS:
        return told
    for detail in (rows(mapping(body).get("details")) or ())[:_MAX_DETAILS]:
        # Such as `items.0.quantity` or `items[0].quantity`.
        parts = re.findall(r"[a-z_]+", str(mapping(detail).get("field"))[:_MAX_FIELD])
        if parts and parts[-1] in _ARGUMENTS:
            return _FIELD + _ARGUMENTS[parts[-1]]
    return None


def explained(error: StoreError, scope: str, happened: Happened | None = None) -> StoreError:
    """The error with what Cloove's own code says of it.

    Args:
        scope: what the key must be allowed for this call.
        happened: what is known of it; None: what the error says.
    """
    words = ERRORS.get(error.store_code or "")
    if (argument := _names_argument(error)) is not None:
        words = f"does not take {argument} as it is", f"check {argument} and call again"
    if error.status == 403 and error.store_code is None:
        words = _FRONT_END
    if words is None:
        return error
    message = f"Cloove {words[0].format(scope=scope)}"
    return _worded(error, message, words[1], happened or error.happened)


def _names_argument(error: StoreError) -> str | None:
    """Our argument that the store says it does not take, where it refused the request."""
    told = error.store_code or ""
    refused = error.status in (400, 422) and told.startswith(_FIELD)
    return told.removeprefix(_FIELD) if refused else None


def wait_before_again(error: StoreError, attempt: int) -> float | None:
    """Seconds until the same sale may be sent again, None where that cannot help."""
    if attempt >= MAX_RETRIES:
        return None
    if error.store_code == "request_in_progress":
        return IN_PROGRESS_SECONDS
    # Our own limit of requests has no status: it is the agent's to wait for.
    limited = error.code is Code.STORE_RATE_LIMITED and error.status is not None
    if not limited and error.code is not Code.STORE_UNAVAILABLE:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= MAX_WAIT_SECONDS else None
    if limited:
        return RATE_LIMITED_SECONDS[attempt]
    return random.uniform(0, BACKOFF_SECONDS * 2**attempt)


def not_recorded(error: StoreError, doubt: bool) -> StoreError:
    """The error of a sale that was given up, with what is known of it.

    Args:
        doubt: whether an earlier attempt may have arrived, which no later refusal settles.
    """
    if error.store_code == "idempotency_key_reused" and not doubt:
        said = "Cloove knows this Idempotency-Key from another sale, and recorded nothing"
        next_step = "look with list_orders what is there, then make the call anew"
        return _worded(error, said, next_step, Happened.NO)
    if not doubt and _names_argument(error):
        # Documented as the answer to a request that is not valid: no sale comes of one.
        return explained(error, "orders:write", Happened.NO)
    if doubt or error.happened is Happened.UNKNOWN:
        said = f"{error.message.rstrip('.')}; it may have recorded the sale"
        next_step = "look with list_orders whether it is there before recording it again"
        return _worded(error, said, next_step, Happened.UNKNOWN)
    return explained(error, "orders:write")


def _worded(error: StoreError, message: str, next_step: str, happened: Happened) -> StoreError:
    return StoreError(
        error.code,
        message,
        next_step,
        happened=happened,
        status=error.status,
        retry_after=error.retry_after,
        store_code=error.store_code,
    )
