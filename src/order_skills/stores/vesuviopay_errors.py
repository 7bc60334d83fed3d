"""What VesuvioPay's errors mean, in words for an agent."""

from collections.abc import Mapping

from order_skills.errors import Code, Happened, StoreError
from order_skills.http_errors import bad_answer
from order_skills.stores.reading import mapping

EXISTS = frozenset({"EXTERNAL_ORDER_ID_EXISTS", "EXTERNAL_ID_EXISTS"})
_ASK_OWNER = "ask the owner; nothing was changed"
_LOOK = "read the order again with get_order"
# The platform's own codes, and what an agent is told of those that say more than the status.
ERRORS: Mapping[str, tuple[Code, str, str] | None] = {
    "INVALID_API_KEY": None,
    "NO_STORE_ACCESS": None,
    "ORDER_NOT_FOUND": None,
    "INVALID_REQUEST": None,
    "VALIDATION_ERROR": None,
    # Another page's word for the same.
    "VALIDATION_FAILED": None,
    "RATE_LIMIT_EXCEEDED": None,
    "INSUFFICIENT_INVENTORY": (
        Code.STORE_REJECTED,
        "has not enough of one of the items in stock",
        _ASK_OWNER,
    ),
    "VARIANT_NOT_FOUND": (
        Code.ITEM_NOT_FOUND,
        "knows no variant for one of the items",
        "check external_product_id and external_variant_id with the owner",
    ),
    "CUSTOMER_NOT_FOUND": (
        Code.STORE_REJECTED,
        "has no customer with this customer_id",
        "give the customer's details in customer instead of customer_id",
    ),
    "EXTERNAL_ORDER_ID_EXISTS": (
        Code.STORE_REJECTED,
        "already has an order with this external_order_id",
        "get_order with the external_order_id shows it",
    ),
    "EXTERNAL_ID_EXISTS": (
        Code.STORE_REJECTED,
        "already has this external_order_id on another order",
        "get_order with the external_order_id shows it",
    ),
    "ORDER_ALREADY_LINKED": (
        Code.STORE_REJECTED,
        "has this order linked to an external order already",
        _LOOK,
    ),
    "INVALID_CANCELLATION": (
        Code.STORE_REJECTED,
        "does not cancel this order: it is delivered or was cancelled before",
        _LOOK,
    ),
    "INVALID_REFUND_AMOUNT": (
        Code.STORE_REJECTED,
        "does not take this amount for a refund, and did not cancel the order",
        _LOOK,
    ),
}


def error_code(body: object) -> str | None:
    """The platform's own code in an error's JSON, if it is a known one."""
    told = mapping(body).get("errorCode")
    return told if isinstance(told, str) and told in ERRORS else None


def explained(error: StoreError) -> StoreError:
    """The error with what VesuvioPay's own code says of it."""
    words = ERRORS.get(error.store_code or "")
    if words is None or error.happened is Happened.UNKNOWN:
        return error
    return worded(error, words[0], f"VesuvioPay {words[1]}", words[2])


def worded(error: StoreError, code: Code, message: str, next_step: str) -> StoreError:
    """The same error in other words."""
    return StoreError(
        code,
        message,
        next_step,
        happened=error.happened,
        status=error.status,
        retry_after=error.retry_after,
        store_code=error.store_code,
    )


def differing(difference: str, existed: bool) -> StoreError:
    """The error for an order that is another than the one to be imported.

    Args:
        existed: whether it was there before; else the store just made it so.
    """
    if not existed:
        problem = f"the order that it made differs: {difference}"
        return bad_answer("VesuvioPay", problem, Happened.UNKNOWN)
    return StoreError(
        Code.STORE_REJECTED,
        f"VesuvioPay has another order with this external_order_id: {difference}",
        "get_order with the external_order_id shows it; ask the owner which one is right",
        status=409,
    )
