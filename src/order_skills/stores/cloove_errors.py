"""What Cloove's errors mean: in words for an agent, and whether a sale may be sent again."""

import random
from collections.abc import Mapping

from order_skills.errors import Code, Happened, StoreError
from order_skills.stores.reading import mapping

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
    """The platform's own code in an error's JSON, if it is a known one."""
    told = mapping(body).get("error")
    return told if isinstance(told, str) and told in ERRORS else None


def explained(error: StoreError, scope: str) -> StoreError:
    """The error with what Cloove's own code says of it.

    Args:
        scope: what the key must be allowed for this call.
    """
    words = ERRORS.get(error.store_code or "")
    if error.status == 403 and error.store_code is None:
        words = _FRONT_END
    if words is None:
        return error
    return _worded(error, f"Cloove {words[0].format(scope=scope)}", words[1], error.happened)


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
