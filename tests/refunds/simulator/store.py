"""A store in memory with every vice: it loses answers, delays, refuses, repeats, and reads stale.

What it does with a request is drawn from the run's own hand, and goes on when the process that
asked is dead: the wire belongs to nobody.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_skills.errors import Code, Happened, StoreError
from order_skills.orders import Order, StoreRefund
from order_skills.stores.base import SentRefund
from order_skills.stores.clawver import CAPABILITIES
from tests.refunds.auditor import InStore, Truth

TOTAL = 2500
# How many of its past states a lagging replica may answer from.
LAG = 4


@dataclass(frozen=True)
class Vices:
    """How often what goes wrong, from 0 to 1; the rest goes well.

    Attributes:
        echo: how a reason is shown: `full`, `lower`, `cut` or `none`.
    """

    unreachable: float = 0.0
    rate_limited: float = 0.0
    refused: float = 0.0
    doubtful_no: float = 0.0
    doubtful_no_made: float = 0.0
    lost: float = 0.0
    lost_made: float = 0.0
    made_later: float = 0.0
    twice: float = 0.0
    other_amount: float = 0.0
    unreadable: float = 0.0
    stale: float = 0.0
    echo: str = "full"


@dataclass(frozen=True)
class Posted:
    """A request to refund that reached the wire."""

    who: object
    reason: str
    # False only where it is certain that it was not, and will not be, made.
    may_be_made: bool


@dataclass
class SimulatedStore:
    """All orders, their past, and what was sent."""

    hand: random.Random
    vices: Vices
    order_ids: tuple[str, ...]
    refunds: dict[str, list[InStore]] = field(default_factory=dict)
    past: dict[str, list[tuple[InStore, ...]]] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    told: Callable[[str], None] = lambda line: None
    _wire: set[asyncio.Task[Any]] = field(default_factory=set)
    _number: int = 0

    def __post_init__(self) -> None:
        self.refunds = {order_id: [] for order_id in self.order_ids}
        self.past = {order_id: [] for order_id in self.order_ids}

    def truth(self) -> Truth:
        """What it holds and what it was sent."""
        return Truth(
            dict.fromkeys(self.order_ids, TOTAL), self.refunds, [p.reason for p in self.posted]
        )

    def make(self, order_id: str, amount_minor: int, reason: str) -> bool:
        """Make a refund, if so much is left."""
        held = self.refunds[order_id]
        if sum(r.amount_minor for r in held) + amount_minor > TOTAL:
            return False
        self.past[order_id].append(tuple(held))
        self._number += 1
        held.append(InStore(f"ref_{self._number}", amount_minor, reason))
        self.told(f"store makes {amount_minor} of {order_id}: {reason}")
        return True

    # --- the wire -----------------------------------------------------------------------

    async def order(self, order_id: str) -> Order:
        """The order as it is, or was."""
        await self._takes_its_time()
        if self._drawn(self.vices.unreadable):
            raise StoreError(Code.STORE_UNAVAILABLE, "it did not answer", "wait")
        held = tuple(self.refunds[order_id])
        if self.past[order_id] and self._drawn(self.vices.stale):
            held = self.hand.choice(self.past[order_id][-LAG:])
        found = self._as_order(order_id, held)
        await self._takes_its_time()
        return found

    async def refund(
        self, who: object, order_id: str, amount_minor: int, reason: str
    ) -> SentRefund:
        """A request to refund, on a task of its own: it goes on without who asked."""
        task = asyncio.create_task(self._refund(who, order_id, amount_minor, reason))
        self._wire.add(task)
        task.add_done_callback(self._gone)
        return await asyncio.shield(task)

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._wire.discard(task)
        if not task.cancelled():
            task.exception()

    async def _refund(
        self, who: object, order_id: str, amount_minor: int, reason: str
    ) -> SentRefund:
        await self._takes_its_time()
        vice = self._vice()
        self.told(f"request: {amount_minor} of {order_id}: {reason} ({vice})")
        if vice == "unreachable":
            raise StoreError(Code.STORE_UNAVAILABLE, "could not be reached", "wait")
        sure_no = vice in ("rate_limited", "refused")
        self.posted.append(Posted(who, reason, not sure_no))
        if vice == "rate_limited":
            raise StoreError(Code.STORE_RATE_LIMITED, "asks to wait", "wait", status=429)
        if vice == "refused":
            raise self._no(400, Happened.NO)
        if vice in ("lost", "doubtful_no"):
            pass
        elif vice == "made_later":
            await self._long()
            self.make(order_id, amount_minor, reason)
        elif not self.make(order_id, amount_minor, reason):
            # Nothing is left: it says so, and that is certain.
            self.posted[-1] = Posted(who, reason, may_be_made=False)
            raise self._no(400, Happened.NO)
        elif vice == "twice":
            self.make(order_id, amount_minor, reason)
        await self._takes_its_time()
        if vice in ("lost", "lost_made", "made_later"):
            unknown = Happened.UNKNOWN
            raise StoreError(Code.STORE_UNAVAILABLE, "broke off", "wait", happened=unknown)
        if vice in ("doubtful_no", "doubtful_no_made"):
            raise self._no(self.hand.choice([409, 422]), Happened.UNKNOWN)
        shown = self._as_order(order_id, tuple(self.refunds[order_id])).refunds or ()
        if vice == "other_amount":
            last = shown[-1]
            shown = (*shown[:-1], last.model_copy(update={"amount_minor": last.amount_minor + 1}))
        return SentRefund(shown)

    # --- inside -------------------------------------------------------------------------

    def _vice(self) -> str:
        drawn = self.hand.random()
        for name in (
            "unreachable",
            "rate_limited",
            "refused",
            "doubtful_no",
            "doubtful_no_made",
            "lost",
            "lost_made",
            "made_later",
            "twice",
            "other_amount",
        ):
            drawn -= getattr(self.vices, name)
            if drawn < 0:
                return name
        return "none"

    def _drawn(self, chance: float) -> bool:
        return self.hand.random() < chance

    async def _takes_its_time(self) -> None:
        await asyncio.sleep(self.hand.choice([0.01, 0.05, 0.3, 2.0]))

    async def _long(self) -> None:
        await asyncio.sleep(self.hand.choice([1.0, 30.0, 300.0, 3_000.0]))

    def _no(self, status: int, happened: Happened) -> StoreError:
        what = f"refused the request (HTTP {status})"
        return StoreError(Code.STORE_REJECTED, what, "look", status=status, happened=happened)

    def _as_order(self, order_id: str, held: tuple[InStore, ...]) -> Order:
        sum_minor = sum(r.amount_minor for r in held)
        payment = "paid" if not held else "refunded" if sum_minor >= TOTAL else "partially_refunded"
        return Order(
            order_id=order_id,
            store="shop",
            status="confirmed",
            status_raw="confirmed",
            payment_status=payment,
            payment_status_source="reported",
            currency="USD",
            total_minor=TOTAL,
            refunded_minor=sum_minor,
            refunds=tuple(
                StoreRefund(
                    refund_id=r.refund_id,
                    amount_minor=r.amount_minor,
                    reason=_ECHO[self.vices.echo](r.reason),
                )
                for r in held
            ),
            created_at="2026-11-20T10:00:00Z",
        )


_ECHO: Mapping[str, Callable[[str], str | None]] = {
    "full": lambda reason: reason,
    "lower": str.lower,
    "cut": lambda reason: reason[:5],
    "none": lambda reason: None,
}


class Door:
    """The store as one process has it: the `Store` protocol, as far as a desk needs it."""

    name = "shop"
    account = "simulated store"
    capabilities = CAPABILITIES

    def __init__(self, store: SimulatedStore, who: "Living") -> None:
        self._store = store
        self._who = who

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a desk has no use for {name}")

    async def get_order(self, order_id: str) -> Order:
        self._who.must_live()
        found = await self._store.order(order_id)
        self._who.must_live()
        return found

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        self._who.must_live()
        return await self._store.refund(self._who, order_id, amount_minor, reason)


class Living:
    """Something that may be dead."""

    alive = True

    def must_live(self) -> None:
        """Nothing is done by the dead."""
        if not self.alive:
            raise Dead


class Dead(BaseException):
    """The process was killed before this."""
