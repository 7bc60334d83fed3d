"""The protocol in every interleaving of two workers, and every unsafe way to do it found out.

Two workers handle one order while answers are lost or late, processes are killed at every point,
reading lags, somebody refunds the same amount in the dashboard, and the store makes a refund and
says 500. The safe policy breaks nothing; each of the others breaks something, and shows how.
"""

from collections.abc import Callable, Iterable

import pytest

from .exploring import INVARIANTS, Explored, explore
from .world import MOVES, STRANGER, Moves, Policy, Worker, World

SAFE = Policy()


def two_workers(
    wishes: str = "same", *, calls: tuple[int, int] = (1, 1), crashes: int = 1, strangers: int = 1
) -> World:
    """A beginning: two agents with the same request, or with one wish in two wordings."""
    other = "reworded" if wishes == "reworded" else "asked"
    workers = (Worker("asked", 1, calls[0]), Worker(other, 2, calls[1]))
    return World(workers, crashes, strangers)


def one_post(world: World) -> bool:
    return all(row.sends <= 1 for row in world.rows)


SAFE_INVARIANTS: dict[str, Callable[[World], bool]] = INVARIANTS | {"one POST": one_post}


def told(explored: Explored) -> str:
    """The way to the breach, for the reader of a failing or a verbose run."""
    steps = "\n".join(f"  {n}. {step}" for n, step in enumerate(explored.trace, 1))
    return f"{explored.breach} is broken after {explored.states} states:\n{steps}"


def not_settled(ends: Iterable[World]) -> list[World]:
    """Ends in which a refund of ours was made that the ledger does not know, or one hangs."""
    hanging = {"PREPARED", "SENDING", "UNKNOWN"}

    def unsettled(world: World) -> bool:
        made = ((n, refund.of) for n, refund in enumerate(world.store) if refund.of != STRANGER)
        known = {(row.evidence, n) for n, row in enumerate(world.rows) if row.state == "SUCCEEDED"}
        return any(one not in known for one in made) or any(
            row.state in hanging for row in world.rows
        )

    return [world for world in ends if unsettled(world)]


@pytest.mark.parametrize(
    ("start", "at_least"),
    [
        (two_workers(calls=(2, 1), crashes=2), 200_000),
        (two_workers("reworded", calls=(2, 1), crashes=1, strangers=0), 80_000),
        # Every repetition of both agents, and a killed process that is killed again: minutes.
        pytest.param(two_workers(calls=(2, 2), crashes=2), 2_900_000, marks=pytest.mark.long),
        pytest.param(
            two_workers("reworded", calls=(2, 1), crashes=2), 400_000, marks=pytest.mark.long
        ),
    ],
)
def test_the_safe_policy_holds_every_invariant_in_every_reachable_state(
    start: World, at_least: int, record_property: Callable[[str, object], None]
) -> None:
    explored = explore(start, SAFE, SAFE_INVARIANTS)
    record_property("states", explored.states)
    print(f"{explored.states} states, {explored.moves} steps, {len(explored.ends)} ends")
    assert explored.breach is None, told(explored)
    assert explored.states >= at_least
    # Nothing is lost either: whatever was made is found, and nothing waits for ever.
    assert explored.ends
    assert not_settled(explored.ends) == []


def test_every_move_of_the_table_happens_but_those_for_worlds_that_break_their_word() -> None:
    explored = explore(two_workers(calls=(2, 1), crashes=1, strangers=0), SAFE)
    table = {(before, after) for before, ends in MOVES.items() for after in ends}
    assert table - explored.changes == {
        # A no, and not having sent it, are true here; a proxy that repeats a POST, or somebody
        # who writes our marker into the dashboard, makes them untrue.
        ("REJECTED", "SUCCEEDED"),
        ("NOT_SENT", "SUCCEEDED"),
        ("DENIED", "SUCCEEDED"),
        ("EXPIRED", "SUCCEEDED"),
        # The order changed before it was sent; the store made another amount. Nothing is sent
        # after either, so they add no interleavings.
        ("PREPARED", "NOT_SENT"),
        ("SENDING", "NEEDS_HUMAN"),
    }
    assert explored.changes <= table


UNSAFE = [
    (Policy(blind_retry=True), "same", "I1"),
    (Policy(step_replay=True), "same", "I1"),
    (Policy(resend_if_absent=True), "same", "I1"),
    (Policy(match_by_amount=True), "same", "I2"),
    (Policy(server_error_failed=True), "same", "I3"),
    (Policy(expire_sending=True), "same", "I3"),
    (Policy(claims_later=True), "same", "I4"),
    (Policy(forgets_order=True, stale_decision=True), "reworded", "I5"),
    (Policy(silent_if_late=True), "reworded", "I8"),
    (Policy(match_by_amount=True), "reworded", "I10"),
    (Policy(stale_decision=True), "reworded", "C1"),
]


def _name(value: object) -> str:
    if isinstance(value, Policy):
        return "+".join(word for word, is_on in vars(value).items() if is_on is True)
    return str(value)


@pytest.mark.parametrize(("policy", "wishes", "broken"), UNSAFE, ids=_name)
def test_an_unsafe_policy_breaks_an_invariant(policy: Policy, wishes: str, broken: str) -> None:
    only = {name: holds for name, holds in INVARIANTS.items() if name.split()[0] == broken}
    explored = explore(two_workers(wishes, calls=(2, 1), crashes=1), policy, only)
    print(told(explored))
    assert explored.breach in only
    assert explored.trace


def test_every_invariant_is_broken_by_some_policy() -> None:
    assert {broken for _, _, broken in UNSAFE} == {name.split()[0] for name in INVARIANTS}


def more(before: str, after: str) -> Moves:
    return {**MOVES, before: MOVES[before] | {after}}


@pytest.mark.parametrize("before", ["EXPIRED", "DENIED"])
def test_a_table_with_another_way_to_send_is_found_out(before: str) -> None:
    policy = Policy(moves=more(before, "SENDING"))
    explored = explore(two_workers(calls=(2, 1), strangers=0), policy)
    print(told(explored))
    assert explored.breach is not None


def test_a_table_without_late_evidence_loses_a_refund() -> None:
    policy = Policy(moves={**MOVES, "NOT_APPLIED": frozenset()})
    explored = explore(two_workers(crashes=0, strangers=0), policy)
    assert explored.breach is None
    assert not_settled(explored.ends)
