"""A failed call as our error: its code, what the agent is told, and whether it happened."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from order_skills.errors import Code, Happened, StoreError

# What an agent is told to wait when the store's own word is unusable, and the bounds of it.
DEFAULT_RETRY_AFTER_SECONDS = 5.0
RETRY_AFTER_BOUNDS_SECONDS = (1.0, 300.0)
# A single attempt that answers one of these was turned away before it could take effect.
REFUSED_BEFORE_ACTING = frozenset({400, 401, 403, 404, 405, 413, 415, 429})
# Agents are taught to correct a failed call and repeat it; one in doubt must not be.
_IN_DOUBT = "do not repeat it: it may have happened; get_order or get_refund can show it"


def unavailable(store: str, what: str, happened: Happened) -> StoreError:
    """The error for an answer that did not come, or not whole."""
    return StoreError(
        Code.STORE_UNAVAILABLE,
        f"{store} {what}",
        _next("make the same call again in a minute; if it stays, tell the owner", happened),
        happened=happened,
    )


def distrusted(store: str) -> StoreError:
    """The error for a certificate that this machine does not trust; nothing was sent."""
    return StoreError(
        Code.STORE_UNAVAILABLE,
        f"{store} showed a certificate that this machine does not trust (on Linux the trusted ones "
        "are the package ca-certificates); nothing was sent",
        "tell the owner to check the address and this machine's certificates",
        happened=Happened.NO,
    )


def bad_answer(store: str, problem: str, happened: Happened) -> StoreError:
    """The error for a 2xx answer whose body is no answer."""
    return StoreError(
        Code.STORE_BAD_ANSWER,
        f"{store}'s answer cannot be relied on: {problem}",
        _next("make the call once more; if it stays, tell the owner", happened),
        happened=happened,
    )


def own_limit(store: str, wait: float) -> StoreError:
    """The error where our own limit of requests would take longer than the call may."""
    return StoreError(
        Code.STORE_RATE_LIMITED,
        f"the owner's limit of requests a minute to {store} is used up; nothing was sent",
        f"wait {wait:.0f} s, then make the same call",
        retry_after=wait,
    )


def refused(
    store: str, status: int, headers: Mapping[str, str], *, writes: bool, missing: Code
) -> StoreError:
    """The error for an answer other than 2xx.

    Args:
        store: the store's title, such as `Clawver`.
        writes: whether the request could have changed something.
        missing: the code for a 404: what was asked for.
    """
    in_doubt = writes and status not in REFUSED_BEFORE_ACTING
    happened = Happened.UNKNOWN if in_doubt else Happened.NO
    wait = retry_after(headers) if status in (429, 503) else None
    code, message, next_step = _words(store, status, wait, missing)
    return StoreError(
        code,
        message,
        _next(next_step, happened),
        happened=happened,
        status=status,
        retry_after=wait,
    )


def _next(otherwise: str, happened: Happened) -> str:
    return _IN_DOUBT if happened is Happened.UNKNOWN else otherwise


def _words(store: str, status: int, wait: float | None, missing: Code) -> tuple[Code, str, str]:
    match status:
        case 401:
            return (
                Code.STORE_UNAUTHORIZED,
                f"{store} does not accept the store's key",
                "ask the owner to check the key with `order-skills doctor`",
            )
        case 403:
            return (
                Code.STORE_FORBIDDEN,
                f"{store} does not allow this with the store's key",
                "ask the owner which rights the key has",
            )
        case 404:
            return missing, *_missing(missing, store)
        case 429:
            seconds = DEFAULT_RETRY_AFTER_SECONDS if wait is None else wait
            return (
                Code.STORE_RATE_LIMITED,
                f"{store} asks to wait {seconds:.0f} s before the next request",
                f"wait {seconds:.0f} s, then make the same call",
            )
        case 400 | 409 | 422:
            return (
                Code.STORE_REJECTED,
                f"{store} refused the request (HTTP {status})",
                "read the order again with get_order and compare before trying otherwise",
            )
    if status >= 500:
        return (
            Code.STORE_UNAVAILABLE,
            f"{store} failed to answer (HTTP {status})",
            f"make the same call again in {'a minute' if wait is None else f'{wait:.0f} s'}; "
            "if it stays, tell the owner",
        )
    return (
        Code.STORE_BAD_ANSWER,
        f"{store} answered HTTP {status}, which this request should never meet",
        "tell the owner; `order-skills doctor` checks the store's address",
    )


def _missing(code: Code, store: str) -> tuple[str, str]:
    match code:
        case Code.ITEM_NOT_FOUND:
            return (
                f"{store} has no such item on this order",
                "get_order lists the order's items with their item_id",
            )
        case Code.RECEIPT_NOT_FOUND:
            return (
                f"{store} has no receipt for this checkout_id",
                "get_order shows an order's checkout_id under platform, where the store gives it",
            )
        case Code.NOT_SUPPORTED:
            return (
                f"{store} does not know this",
                "get_order shows what the store has; ask the owner for the rest",
            )
    return (
        f"{store} has no order with this order_id",
        "find it with list_orders, for example by customer_email",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the Retry-After header (seconds or a date), None where it says nothing.

    Unusable values (negative, not a number, given twice) become a short default.
    """
    raw = headers.get("retry-after")
    if raw is None:
        return None
    low, high = RETRY_AFTER_BOUNDS_SECONDS
    text = raw.strip()
    if text.isascii() and text.isdigit():
        return min(max(float(text[:12]), low), high)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return DEFAULT_RETRY_AFTER_SECONDS
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), low), high)
