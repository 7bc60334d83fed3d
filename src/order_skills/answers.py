"""The shapes of answers that more than one module makes. Absent fields are left out."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of every tool's answer. Absent fields are left out, never sent as null."""

    model_config = ConfigDict(defer_build=True)


class Alternative(Answer):
    """Another variant of the same product."""

    variant_id: str
    name: str
    size: str | None = None
    in_stock: bool | None = None
    price_minor: int | None = None
    price_difference_minor: int | None = None


class SizeRefund(Answer):
    """What refunding the item would be."""

    allowed: bool
    amount_minor: int | None = None
    blockers: list[str]


class SizeItem(Answer):
    """An item in question, with what was bought and what else there is."""

    item_id: str
    name: str
    bought_variant_id: str | None = None
    bought_variant: str | None = None
    bought_size: str | None = None
    matched_by: str | None = None
    alternatives: list[Alternative]
    refund: SizeRefund
    note: str | None = None


class WrongSizeAnswer(Answer):
    """What wrong_size_playbook answers."""

    order_id: str
    currency: str
    items: list[SizeItem]
    steps: list[str]
    questions: list[str]
    customer_reply: str
    note: str | None = None


class Totals(Answer):
    """Money of one currency. What was refunded is absent where an order does not say it."""

    currency: str
    orders: int = 0
    gross_minor: int = 0
    refunded_minor: int | None = None
    net_minor: int | None = None


class BestSeller(Answer):
    """A product and how often it was sold."""

    product_id: str
    name: str
    quantity: int
    currency: str
    total_minor: int


class Attention(Answer):
    """An order, or a refund of it, that a person should look at."""

    order_id: str
    reason: str
    refund_id: str | None = None
