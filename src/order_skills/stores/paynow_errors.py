"""What can be told of PayNow's errors. No list of its codes is published, so none is known."""

import logging
import re

from order_skills.errors import Code, StoreError
from order_skills.stores.reading import mapping

logger = logging.getLogger(__name__)

# The documented form is 32 hexadecimal digits; anything else of that kind can be logged, too.
_TRACE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def note_trace(body: object) -> None:
    """Log the id by which PayNow's support finds a refused request."""
    trace_id = mapping(body).get("trace_id")
    if isinstance(trace_id, str) and _TRACE_ID.fullmatch(trace_id):
        logger.info("PayNow refused a request: trace %s", trace_id)


def no_store(error: StoreError) -> StoreError:
    """A list that does not exist is a store that does not: no id was asked for."""
    if error.status != 404:
        return error
    return StoreError(
        Code.STORE_REJECTED,
        "PayNow has no store with the configured store id",
        "ask the owner to check it with `order-skills doctor`",
        status=404,
    )
