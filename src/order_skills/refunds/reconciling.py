"""One look at every order that may hold a surprise: what is in doubt, lost, or made elsewhere.

Nothing here sends. What has evidence is settled; a refund with our mark that this ledger lost is
taken over; the rest is told to the owner.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from order_skills import money
from order_skills.errors import AgentError, Code, StoreError
from order_skills.orders import Order, StoreRefund
from order_skills.refunds import adopting, evidence, sending, settling
from order_skills.refunds.amounts import markers
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import LATE, Intent, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.stores.base import Query, Store

# Orders of our newest refunds, and the store's own newest: some 100 ms each to read.
KNOWN_ORDERS = 200
RECENT_ORDERS = 100

# The next order would meet the same.
_NO_USE_TO_GO_ON = frozenset(
    {
        Code.STORE_UNAUTHORIZED,
        Code.STORE_FORBIDDEN,
        Code.STORE_RATE_LIMITED,
        Code.STORE_UNAVAILABLE,
    }
)
_MAY_BE_SETTLED = LATE | {State.UNKNOWN}

Kind = Literal[
    "taken over", "settled", "in doubt", "sending", "adopted", "alarm", "elsewhere", "not read"
]


@dataclass(frozen=True)
class Finding:
    """One line. `in_doubt`: time or a person has to settle it."""

    kind: Kind
    text: str
    in_doubt: bool = False
    store: str | None = None
    order_id: str | None = None
    refund_id: str | None = None
    store_refund_id: str | None = None


async def reconcile(
    desk: Desk, stores: Sequence[Store], by: str, named: Sequence[str] = ()
) -> AsyncIterator[Finding]:
    """Everything that one reading of each order tells.

    Args:
        stores: those of the desk.
        named: orders to read beside those of our refunds and the stores' newest.

    Raises:
        Refusal: LEDGER_UNAVAILABLE.
    """
    taken = await settling.take_over(desk.ledger, desk.accounts, by)
    if taken:
        yield Finding("taken over", f"refunds whose process died while it sent them: {taken}")
    nowhere = set(named)
    for store in stores:
        look = _Look(desk, store, by)
        async for finding in look.at_all(named):
            yield finding
        nowhere &= look.not_there
    for order_id in sorted(nowhere):
        yield Finding("not read", f"order {order_id} is in no store", True, order_id=order_id)


class _Look:
    """At the orders of one store."""

    def __init__(self, desk: Desk, store: Store, by: str) -> None:
        self._ledger = desk.ledger
        self._store = store
        self._schedule = desk.schedule
        self._by = by
        self.not_there: set[str] = set()

    async def at_all(self, named: Sequence[str]) -> AsyncIterator[Finding]:
        """At every order in question, those in doubt first."""
        accounts = (self._store.account,)
        doubtful, known = await self._ledger.run(
            lambda books: (books.in_doubt(accounts), books.list(accounts, limit=KNOWN_ORDERS))
        )
        ours = dict.fromkeys(intent.request.order_id for intent in (*doubtful, *known))
        try:
            recent = await self._recent()
        except StoreError as error:
            recent = []
            yield self._unread("the newest orders", error)
        wanted = tuple(dict.fromkeys((*ours, *named, *recent)))
        for number, order_id in enumerate(wanted):
            try:
                order = await self._store.get_order(order_id)
            except StoreError as error:
                if error.code is Code.ORDER_NOT_FOUND:
                    self.not_there.add(order_id)
                    if order_id not in ours:
                        continue
                if error.code in _NO_USE_TO_GO_ON:
                    yield self._unread(f"the remaining orders ({len(wanted) - number})", error)
                    return
                yield self._unread(f"order {order_id}", error)
                continue
            for finding in await self._at(order):
                yield finding

    async def _recent(self) -> list[str]:
        if not self._store.capabilities.refunds:
            # Its orders show no refunds, so nothing could be found in them.
            return []
        most = min(RECENT_ORDERS, self._store.capabilities.page_limit)
        page = await self._store.list_orders(Query(), limit=most, cursor=None)
        return [order.order_id for order in page.orders if _may_have_refunds(order)]

    async def _at(self, order: Order) -> list[Finding]:
        try:
            return await self._told(order)
        except AgentError as error:
            # A ledger that fails altogether fails here, too; else it is about this order alone.
            await self._ledger.run(lambda books: books.now())
            return [self._finding("in doubt", order, error.message, in_doubt=True)]

    async def _told(self, order: Order) -> list[Finding]:
        marked = markers(order.refunds)
        account, order_id = self._store.account, order.order_id
        known, history = await self._ledger.run(
            lambda books: (
                books.by_marker(account, marked) if marked else frozenset[str](),
                books.of_order(account, order_id),
            )
        )
        told = []
        taken = {intent.store_refund_id for intent in history} - {None}
        for refund_id in sorted(marked.keys() - known):
            refunds = [r for r in marked[refund_id] if r.refund_id not in taken]
            if refunds:
                taken |= {r.refund_id for r in refunds}
                told.append(await self._adopt(order, refund_id, refunds))
        for intent in history:
            told += await self._judged(order, intent, shown=intent.refund_id in marked)
        for refund_id in sorted((marked.keys() & known) - {i.refund_id for i in history}):
            text = f"a refund bears the mark of {refund_id}, which is of another order"
            told.append(self._finding("alarm", order, text, in_doubt=True, refund_id=refund_id))
        told += self._elsewhere(order, marked, taken)
        return told

    async def _adopt(self, order: Order, refund_id: str, refunds: Sequence[StoreRefund]) -> Finding:
        found = evidence.Made(refunds[0], duplicates=len(refunds) - 1)
        change = sending.made(found, self._by, "reconcile")
        alarm = change.alarm

        def work(books: Ledger) -> bool:
            intent = adopting.from_the_store(
                refund_id,
                self._store.account,
                order,
                found.refund,
                alarm=alarm,
                now=books.now(),
            )
            return books.adopt(intent, change)

        await self._ledger.run(work)
        text = f"{refund_id}, which this ledger had lost: {_shown(found.refund, order)}"
        return self._finding(
            "adopted",
            order,
            f"{text}; {alarm}" if alarm else text,
            in_doubt=alarm is not None,
            refund_id=refund_id,
            refund=found.refund,
        )

    async def _judged(self, order: Order, intent: Intent, *, shown: bool) -> list[Finding]:
        """What this reading says of one of our refunds; nothing where all is as it was."""
        refund_id = intent.refund_id
        if intent.state is State.SENDING:
            text = f"{refund_id} is being sent by a process that is alive"
            return [self._finding("sending", order, text, refund_id=refund_id)]
        if intent.state is State.SUCCEEDED:
            return await self._still_there(order, intent)
        in_doubt = intent.state in (State.UNKNOWN, State.NEEDS_HUMAN)
        if not in_doubt and not shown:
            return []
        now, late = intent, sending.GIVEN_UP
        if intent.state is State.PREPARED:
            now, late = await self._set_right(intent), sending.LOST
        if now.state in _MAY_BE_SETTLED:
            now = await settling.conclude(
                self._ledger, now, order, self._schedule, self._by, late=late
            )
        text = f"{refund_id} was {intent.outcome} and is {now.outcome}: {now.why}"
        if now.state is intent.state:
            text = f"{refund_id} is {now.outcome}: {now.why}"
        if now.state in (State.UNKNOWN, State.NEEDS_HUMAN):
            return [self._finding("in doubt", order, text, in_doubt=True, refund_id=refund_id)]
        if shown and now.state is not State.SUCCEEDED:
            text = f"{refund_id} is {now.outcome} here, but was made; is this an old ledger?"
            return [self._finding("alarm", order, text, in_doubt=True, refund_id=refund_id)]
        text = f"{text}; {now.alarm}" if now.alarm else text
        return [self._finding("settled", order, text, refund_id=refund_id)]

    async def _set_right(self, intent: Intent) -> Intent:
        """One that the store made, and that an older ledger, put back, still holds as waiting."""
        change = Change(self._by, "the store shows it: this ledger lost that it was sent")

        def work(books: Ledger) -> Intent:
            moved = books.move(intent.refund_id, State.NOT_SENT, change, epoch=intent.epoch)
            return moved or books.get(intent.refund_id) or intent

        return await self._ledger.run(work)

    async def _still_there(self, order: Order, intent: Intent) -> list[Finding]:
        found = evidence.read_back(intent, order)
        if isinstance(found, evidence.Made) and not found.duplicates:
            return []
        refund_id = intent.refund_id
        if isinstance(found, evidence.Made | evidence.Different):
            change = (
                sending.made(found, self._by, "reconcile")
                if isinstance(found, evidence.Made)
                else sending.different(found, self._by)
            )
            if change.alarm != intent.alarm:
                await self._ledger.run(lambda books: books.warn(refund_id, change))
            text = f"{refund_id}: {change.alarm}"
            return [self._finding("alarm", order, text, in_doubt=True, refund_id=refund_id)]
        now = await self._ledger.run(lambda books: books.now())
        # A list may lag behind a refund that was made just now; one without ids proves nothing.
        if intent.store_refund_id is None or not self._schedule.is_quiet(intent, now):
            return []
        text = f"{refund_id} is refunded, but the store does not show it"
        return [self._finding("in doubt", order, text, in_doubt=True, refund_id=refund_id)]

    def _elsewhere(
        self, order: Order, marked: dict[str, list[StoreRefund]], ours: set[str | None]
    ) -> Iterator[Finding]:
        with_mark = {id(refund) for found in marked.values() for refund in found}
        for refund in order.refunds or ():
            if id(refund) not in with_mark and refund.refund_id not in ours:
                text = f"{_shown(refund, order)} was not made here"
                yield self._finding("elsewhere", order, text, refund=refund)

    def _unread(self, what: str, error: StoreError) -> Finding:
        text = f"{what} of {self._store.name}: {error.message}"
        return Finding("not read", text, in_doubt=True, store=self._store.name)

    def _finding(
        self,
        kind: Kind,
        order: Order,
        text: str,
        *,
        in_doubt: bool = False,
        refund_id: str | None = None,
        refund: StoreRefund | None = None,
    ) -> Finding:
        return Finding(
            kind,
            f"order {order.order_id}: {text}",
            in_doubt,
            self._store.name,
            order.order_id,
            refund_id,
            refund.refund_id if refund else None,
        )


def _may_have_refunds(row: Order) -> bool:
    """Whether a row of a list leaves it open; a row may carry less than the order."""
    if row.refunds is not None:
        return bool(row.refunds)
    without = row.payment_status in ("pending", "failed", "paid")
    return not (without and row.payment_status_source == "reported")


def _shown(refund: StoreRefund, order: Order) -> str:
    amount = money.shown(refund.amount_minor, order.currency)
    when = f" on {refund.created_at[:10]}" if refund.created_at else ""
    return f"{amount}{when} ({refund.refund_id or 'no id'})"
