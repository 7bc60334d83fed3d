"""What check_refund and refund_order take, and what of it is offered for which stores."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from order_skills import text
from order_skills.refunds.amounts import MARKER
from order_skills.tools.arguments import AmountMinor, Arguments, ItemId, OrderId, RefundId, Yes

REASON_CAP = 200
_LIKE_MARKER = re.compile(MARKER.pattern, re.IGNORECASE)

ItemIds = Annotated[
    list[ItemId], Field(min_length=1, max_length=50, description="Refund these items' totals")
]
Quantity = Annotated[
    int, Field(ge=1, le=10_000, description="That many pieces of the one item in item_ids")
]


def _plain_reason(value: str) -> str:
    """The reason without what nobody can see, and without anything that looks like our marker.

    Cleaned first: a marker with something invisible in it is one after cleaning. In any case
    of letters: reading back does not tell them apart.
    """
    plain = _LIKE_MARKER.sub("", text.clean(value, REASON_CAP)).strip()
    if not any(c.isalnum() for c in plain):
        raise ValueError("must not be empty")
    return plain


Reason = Annotated[
    str,
    # In this order: what is too long is refused, not cut.
    StringConstraints(min_length=1, max_length=REASON_CAP),
    AfterValidator(_plain_reason),
    Field(description="For the owner and the store"),
]


class CheckRefundArguments(Arguments):
    """What check_refund takes."""

    order_id: OrderId
    amount_minor: AmountMinor | None = None
    item_ids: ItemIds | None = None
    quantity: Quantity | None = None


class RefundOrderArguments(Arguments):
    """What refund_order takes."""

    order_id: OrderId
    reason: Reason
    amount_minor: AmountMinor | None = None
    item_ids: ItemIds | None = None
    full: Annotated[Yes | None, Field(description="All that is left")] = None
    quantity: Quantity | None = None
    repeat_of: Annotated[
        RefundId | None, Field(description="Only for a second equal refund, wanted by a person")
    ] = None


# Taken with several all the same, to be refused with what is possible.
OneLine = Annotated[
    list[ItemId],
    Field(
        min_length=1,
        max_length=50,
        description="One line's item_id: that line with all its pieces",
        json_schema_extra={"maxItems": 1},
    ),
]


class CheckLineRefundArguments(CheckRefundArguments):
    """The same, as offered where a refund is of one whole line or of the whole order."""

    untold: ClassVar[frozenset[str]] = frozenset({"amount_minor", "quantity"})
    item_ids: OneLine | None = None


class RefundLineArguments(RefundOrderArguments):
    """The same, as offered where a refund is of one whole line or of the whole order."""

    untold: ClassVar[frozenset[str]] = frozenset({"amount_minor", "quantity"})
    item_ids: OneLine | None = None
    full: Annotated[
        Yes | None, Field(description="The whole order, of which no line was refunded yet")
    ] = None
