"""Every state that can be reached, breadth first, and what must hold in each of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .world import ACTIVE, CONTRADICTION, STRANGER, Policy, World, steps

NEVER_MADE = frozenset({"REJECTED", "NOT_SENT", "EXPIRED", "DENIED"})


def _ours(world: World) -> Counter[int]:
    return Counter(refund.of for refund in world.store if refund.of != STRANGER)


def _once_per_intent(world: World) -> bool:
    return all(count <= 1 for count in _ours(world).values())


def _success_is_real(world: World) -> bool:
    made = _ours(world)
    return all(made[n] for n, row in enumerate(world.rows) if row.state == "SUCCEEDED")


def _failure_is_real(world: World) -> bool:
    made = _ours(world)
    return not any(made[n] for n, row in enumerate(world.rows) if row.state in NEVER_MADE)


def _sent_after_it_was_written(world: World) -> bool:
    posts = (packet for packet in world.wire if not packet.answer)
    return all(0 < post.epoch == world.rows[post.row].epoch for post in posts)


def _one_active(world: World) -> bool:
    return sum(row.state in ACTIVE for row in world.rows) <= 1


def _ends_stay(world: World) -> bool:
    return all(row.told != CONTRADICTION for row in world.rows)


def _one_owner_of_a_refund(world: World) -> bool:
    laid = Counter(row.evidence for row in world.rows if row.evidence is not None)
    return all(count <= 1 for count in laid.values())


def _one_refund_for_one_wish(world: World) -> bool:
    return sum(_ours(world).values()) <= 1


# By the names of the design; C1 is of its catalogue: the same refund asked twice is one refund.
INVARIANTS: dict[str, Callable[[World], bool]] = {
    "I1 at most one refund per intent": _once_per_intent,
    "I2 what succeeded is in the store": _success_is_real,
    "I3 what was not made is not in the store": _failure_is_real,
    "I4 nothing is sent before its SENDING is durable": _sent_after_it_was_written,
    "I5 one active intent per order": _one_active,
    "I8 an end that was told stays": _ends_stay,
    "I10 a store's refund is laid to one intent": _one_owner_of_a_refund,
    "C1 one wish, one refund": _one_refund_for_one_wish,
}


class Explored(NamedTuple):
    """What an exploration saw.

    Attributes:
        states, moves: how much.
        ends: the worlds in which nothing happens any more.
        changes: the moves of intents that happened, of the table of moves.
        breach, trace: the first invariant that did not hold, and the shortest way there.
    """

    states: int
    moves: int
    ends: tuple[World, ...]
    changes: frozenset[tuple[str, str]]
    breach: str | None
    trace: tuple[str, ...]


def explore(
    start: World, policy: Policy, invariants: Mapping[str, Callable[[World], bool]] = INVARIANTS
) -> Explored:
    """Go everywhere; stop at the first breach."""
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    changes: set[tuple[str, str]] = set()
    edge, moves, ends = [start], 0, list[World]()
    while edge:
        beyond = []
        for world in edge:
            ended = True
            for label, after in steps(world, policy):
                moves += 1
                ended = ended and after == world
                if after in came_from:
                    continue
                came_from[after] = (world, label)
                pairs = zip(world.rows, after.rows, strict=False)
                changes.update((a.state, b.state) for a, b in pairs if a.state != b.state)
                broken = next((name for name, holds in invariants.items() if not holds(after)), "")
                if broken:
                    way = _way(came_from, after)
                    return Explored(len(came_from), moves, (), frozenset(changes), broken, way)
                beyond.append(after)
            if ended:
                ends.append(world)
        edge = beyond
    return Explored(len(came_from), moves, tuple(ends), frozenset(changes), None, ())


def _way(came_from: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    labels: list[str] = []
    while (step := came_from[world]) is not None:
        world, label = step
        labels.append(label)
    return tuple(reversed(labels))
