"""What a call to the desk gives back."""

from dataclasses import dataclass

from order_skills.orders import Order
from order_skills.refunds.intents import Intent


@dataclass(frozen=True)
class Handled:
    """A refund as it stands after a call.

    Attributes:
        order: as last read, where it was.
        already_done: this call moved nothing; the outcome is an earlier call's.
        undecided: why what the host answered for its person decided nothing.
    """

    intent: Intent
    order: Order | None = None
    already_done: bool = False
    undecided: str | None = None
