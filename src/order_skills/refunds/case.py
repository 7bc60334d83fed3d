"""One refund under decision: the order, the request, our history, the owner's policy, findings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from order_skills import money
from order_skills.errors import Code
from order_skills.orders import Order
from order_skills.refunds.intents import Intent, Limits, Request


@dataclass(frozen=True)
class Policy:
    """The owner's rules, as they hold for one store now.

    `above_minor` is None for "always a person", else the sum of one order's refunds above which
    a person must approve; `never` switches the person off, except where one is always needed.
    """

    never: bool = False
    above_minor: int | None = None
    limits: Limits = field(default_factory=Limits)
    read_only: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class Blocker:
    """Why it may not be: the code, the facts, and what to do."""

    code: Code
    message: str
    next_step: str


@dataclass
class Case:
    """What the rules work on: they add blockers and reasons for a person, and decide nothing."""

    order: Order
    request: Request
    history: Sequence[Intent]
    blockers: list[Blocker] = field(default_factory=list)
    person: list[str] = field(default_factory=list)

    def block(self, code: Code, message: str, next_step: str) -> None:
        """One more reason why it may not be."""
        self.blockers.append(Blocker(code, message, next_step))

    def shown(self, minor: int) -> str:
        """An amount for people, in the order's currency."""
        return money.shown(minor, self.order.currency)

    @property
    def look(self) -> str:
        """The call that shows the order."""
        return f'get_order(order_id="{self.order.order_id}")'

    @property
    def check(self) -> str:
        """The call that shows what can be refunded."""
        return f'check_refund(order_id="{self.order.order_id}")'
