"""A small world with one order: two workers, their ledger, the wire, a store, and whoever else.

Every step below is atomic, as a transaction or a packet is; whatever lies between two steps can
be interrupted by any other. Time is not counted: what takes time (a deadline, the quiet period, a
replica that lags) may happen at any moment, so that whatever the clocks do is among what is
explored. All refunds are of one amount, the worst case for telling them apart.

The moves are those of `order_skills.refunds.intents`: a change of the table is explored too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from order_skills.refunds import intents
from order_skills.refunds.intents import State

# Plain words: they are hashed millions of times.
Moves = Mapping[str, frozenset[str]]
MOVES: Moves = {
    before.value: frozenset(s.value for s in after) for before, after in intents.MOVES.items()
}
ACTIVE, COUNTED, STARTS_ANEW, LATE = (
    frozenset(s.value for s in states)
    for states in (intents.ACTIVE, intents.COUNTED, intents.STARTS_ANEW, intents.LATE)
)
ENDS = frozenset(s.value for s in State) - ACTIVE - {"PREPARED"}
CONTRADICTION = "contradiction"
# In the store: a refund that somebody made in the dashboard.
STRANGER = -1


@dataclass(frozen=True)
class Policy:
    """What the software does; the safe one does nothing of this.

    Attributes:
        blind_retry: a lost answer is followed by another POST.
        step_replay: after a crash the step that was under way is run again.
        resend_if_absent: what reading back does not show is sent again.
        match_by_amount: a new refund of our amount is taken for ours.
        server_error_failed: a 5xx is taken for a no.
        stale_decision: the claim does not ask whether the decision's grounds still hold.
        expire_sending: a send past its deadline is taken for not sent.
        forgets_order: the claim does not ask whether the order has another active refund.
        claims_later: the POST leaves before the claim is written down.
        silent_if_late: evidence against an end that was told comes without an alarm.
        moves: the table of moves.
    """

    blind_retry: bool = False
    step_replay: bool = False
    resend_if_absent: bool = False
    match_by_amount: bool = False
    server_error_failed: bool = False
    stale_decision: bool = False
    expire_sending: bool = False
    forgets_order: bool = False
    claims_later: bool = False
    silent_if_late: bool = False
    moves: Moves = field(default_factory=lambda: MOVES)


class Row(NamedTuple):
    """An intent in the ledger. `told`: the last end that an agent was told."""

    wish: str
    state: str = "PREPARED"
    epoch: int = 0
    owner: int = 0
    said_no: bool = False
    evidence: int | None = None
    told: str = ""
    alarm: bool = False
    superseded: bool = False
    sends: int = 0
    baseline: frozenset[int] = frozenset()


class Worker(NamedTuple):
    """A process. A crash begins a new `life` and leaves nothing but the calls still to come."""

    wish: str
    life: int
    calls: int
    at: str = "idle"
    row: int = -1
    epoch: int = 0
    verdict: str = ""
    history: frozenset[tuple[int, str]] = frozenset()
    baseline: frozenset[int] = frozenset()


class Refund(NamedTuple):
    """A refund that the store made. `shown`: whether reading the order shows it yet."""

    of: int
    shown: bool = False


class Packet(NamedTuple):
    """On the wire: a POST (no `answer` yet), or its answer."""

    row: int
    epoch: int
    life: int
    answer: str = ""


class World(NamedTuple):
    """Everything that is, at one moment."""

    workers: tuple[Worker, ...]
    crashes: int
    strangers: int
    rows: tuple[Row, ...] = ()
    store: tuple[Refund, ...] = ()
    wire: frozenset[Packet] = frozenset()


Step = tuple[str, World]

# What the store may do with a POST: its answer, and whether the refund is made.
STORE_DOES = (
    ("200", True),
    ("500", True),
    ("500", False),
    ("400", False),
    ("422", False),
    ("429", False),
)
# What is written down of an answer; of every other, and of none, UNKNOWN.
VERDICTS = {"200": "SUCCEEDED", "400": "REJECTED", "429": "NOT_SENT", "unsent": "NOT_SENT"}


def with_row(world: World, number: int, row: Row) -> World:
    return world._replace(rows=(*world.rows[:number], row, *world.rows[number + 1 :]))


def with_worker(world: World, number: int, worker: Worker) -> World:
    workers = (*world.workers[:number], worker, *world.workers[number + 1 :])
    return world._replace(workers=workers)


def moved(row: Row, state: str, policy: Policy) -> Row | None:
    """The row after a move, if the table has it; late evidence with its alarm."""
    if state not in policy.moves[row.state]:
        return None
    late = state == "SUCCEEDED" and row.state in LATE and not policy.silent_if_late
    return row._replace(state=state, alarm=row.alarm or late)


def told(row: Row) -> Row:
    """An agent reads how it stands. An end that was told may change to success, with an alarm."""
    if row.state not in ENDS:
        return row._replace(told=CONTRADICTION) if row.told else row
    kept = row.told in ("", row.state) or (row.state == "SUCCEEDED" and row.alarm)
    return row._replace(told=row.state if kept else CONTRADICTION)


def live(world: World, wish: str) -> int | None:
    """The intent that answers for a request."""
    found = [n for n, r in enumerate(world.rows) if r.wish == wish and not r.superseded]
    return found[0] if found else None


def claimed(world: World) -> frozenset[tuple[int, str]]:
    """What a decision is made on: the order's refunds that may have moved money."""
    return frozenset((n, row.state) for n, row in enumerate(world.rows) if row.epoch)


def shows(world: World, number: int) -> int | None:
    """Where reading the order shows the marker of this intent."""
    return next((n for n, r in enumerate(world.store) if r.of == number and r.shown), None)


def steps(world: World, policy: Policy) -> Iterator[Step]:
    """Everything that can happen next."""
    from .processes import sweeping, working

    for number in range(len(world.workers)):
        yield from working(world, number, policy)
    yield from sweeping(world, policy)
    yield from outside(world)


def outside(world: World) -> Iterator[Step]:
    """The wire, the store, its replicas, and a person at the dashboard."""
    for packet in world.wire:
        without = world._replace(wire=world.wire - {packet})
        if packet.answer:
            for number, worker in enumerate(world.workers):
                if worker.life == packet.life:
                    told_it = worker._replace(at="record", verdict=packet.answer)
                    yield f"answer {packet.answer} arrives", with_worker(without, number, told_it)
            continue
        yield "POST lost on its way", without
        for answer, makes in STORE_DOES:
            store = (*world.store, Refund(packet.row)) if makes else world.store
            # An answer to a process that no longer waits reaches nobody.
            waits = any(w.life == packet.life and w.at == "wait" for w in world.workers)
            back = {packet._replace(answer=answer)} if waits else set()
            label = f"store {'makes' if makes else 'does not make'} it, says {answer}"
            yield label, without._replace(store=store, wire=without.wire | back)
    for number, refund in enumerate(world.store):
        if not refund.shown:
            shown = refund._replace(shown=True)
            store = (*world.store[:number], shown, *world.store[number + 1 :])
            yield f"refund {number} is shown to readers", world._replace(store=store)
    if world.strangers:
        store = (*world.store, Refund(STRANGER, shown=True))
        yield (
            "a person refunds the same amount in the dashboard",
            world._replace(store=store, strangers=world.strangers - 1),
        )
