"""What a ledger tells: one intent, many, in doubt, abandoned; and who may see what."""

import pytest

from order_skills.refunds.intents import Intent, State, new_refund_id
from order_skills.refunds.ledger import Ledger

from .backends import Backend, opened
from .support import (
    ACCOUNT,
    DAY,
    ME,
    MINUTE,
    OTHER_ACCOUNT,
    brought_to,
    claim,
    claimed,
    moved,
    prepare,
)


def ids(intents: tuple[Intent, ...]) -> list[str]:
    return [intent.refund_id for intent in intents]


def test_an_intent_is_shown_to_its_account_alone(ledger: Ledger) -> None:
    intent = prepare(ledger)
    assert ledger.get(intent.refund_id) == intent
    assert ledger.get(intent.refund_id, [ACCOUNT, OTHER_ACCOUNT]) == intent
    assert ledger.get(intent.refund_id, [OTHER_ACCOUNT]) is None
    assert ledger.get(intent.refund_id, []) is None
    assert ledger.get("rr_0000000000") is None


def test_markers_are_known_by_account(ledger: Ledger) -> None:
    ours = prepare(ledger)
    theirs = prepare(ledger, account=OTHER_ACCOUNT)
    asked = [ours.refund_id, theirs.refund_id, "rr_0000000000", ours.refund_id]
    assert ledger.by_marker(ACCOUNT, asked) == {ours.refund_id}
    assert ledger.by_marker(OTHER_ACCOUNT, asked) == {theirs.refund_id}
    assert ledger.by_marker(ACCOUNT, [ours.refund_id]) == {ours.refund_id}
    assert ledger.by_marker(ACCOUNT, []) == frozenset()


def test_markers_of_a_very_long_order_are_asked_in_parts(ledger: Ledger) -> None:
    ours = prepare(ledger)
    asked = [new_refund_id() for _ in range(1_200)]
    assert ledger.by_marker(ACCOUNT, [*asked, ours.refund_id]) == {ours.refund_id}


@pytest.fixture
def many(ledger: Ledger) -> list[Intent]:
    """Two of each state, of two accounts, the newest first."""
    made = [
        brought_to(ledger, state, f"order-{n}-{state}", account=account)
        for n in range(2)
        for state in State
        for account in (ACCOUNT, OTHER_ACCOUNT)
    ]
    return made[::-1]


def test_a_list_is_of_all_and_newest_first(ledger: Ledger, many: list[Intent]) -> None:
    assert list(ledger.list()) == many
    assert list(ledger.list(accounts=[ACCOUNT])) == [i for i in many if i.account == ACCOUNT]
    assert list(ledger.list(states=[State.UNKNOWN, State.DENIED])) == [
        i for i in many if i.state in (State.UNKNOWN, State.DENIED)
    ]
    both = ledger.list(accounts=[OTHER_ACCOUNT], states=[State.SUCCEEDED])
    assert list(both) == [
        i for i in many if i.account == OTHER_ACCOUNT and i.state is State.SUCCEEDED
    ]


@pytest.mark.parametrize("limit", [0, 1, 3, 39, 40, 1_000, -5])
def test_a_list_is_cut_at_its_limit(ledger: Ledger, many: list[Intent], limit: int) -> None:
    cut = max(limit, 0)
    assert list(ledger.list(limit=limit)) == many[:cut]
    ours = [i for i in many if i.account == ACCOUNT]
    assert list(ledger.list(accounts=[ACCOUNT], limit=limit)) == ours[:cut]
    waiting = [i for i in ours if i.state is State.PREPARED]
    found = ledger.list(accounts=[ACCOUNT], states=[State.PREPARED], limit=limit)
    assert list(found) == waiting[:cut]


def test_a_list_of_nothing_is_empty(ledger: Ledger) -> None:
    assert ledger.list() == ()
    prepare(ledger)
    assert ledger.list(accounts=[]) == ()
    assert ledger.list(states=[]) == ()
    assert ledger.list(accounts=["nobody"]) == ()
    assert len(ledger.list(accounts=[ACCOUNT, ACCOUNT])) == 1


def test_what_is_in_doubt_is_told_oldest_first(ledger: Ledger) -> None:
    needs = brought_to(ledger, State.NEEDS_HUMAN, "order-1")
    unknown = brought_to(ledger, State.UNKNOWN, "order-2")
    brought_to(ledger, State.SENDING, "order-3")
    brought_to(ledger, State.SUCCEEDED, "order-4")
    brought_to(ledger, State.UNKNOWN, account=OTHER_ACCOUNT)
    assert ids(ledger.in_doubt([ACCOUNT])) == ids((needs, unknown))
    assert len(ledger.in_doubt([ACCOUNT, OTHER_ACCOUNT])) == 3
    assert ledger.in_doubt([]) == ()


def test_a_send_of_a_living_process_in_time_is_not_abandoned(
    ledger: Ledger, backend: Backend
) -> None:
    mine = claimed(ledger, prepare(ledger))
    with opened(backend) as other:
        assert other.abandoned([ACCOUNT]) == ()
    assert ledger.abandoned([ACCOUNT]) == ()
    moved(ledger, mine, State.UNKNOWN)
    ledger.unregister(ME)
    assert ledger.abandoned([ACCOUNT]) == ()


def test_a_send_past_its_deadline_is_abandoned_by_the_living_too(
    ledger: Ledger, backend: Backend
) -> None:
    mine = claimed(ledger, prepare(ledger))
    backend.wait(MINUTE)
    ledger.heartbeat(ME)
    assert ids(ledger.abandoned([ACCOUNT])) == [mine.refund_id]


def test_a_send_of_a_process_that_signed_off_is_abandoned(ledger: Ledger) -> None:
    mine = claimed(ledger, prepare(ledger))
    ledger.unregister(ME)
    assert ids(ledger.abandoned([ACCOUNT])) == [mine.refund_id]
    assert ledger.abandoned([OTHER_ACCOUNT]) == ()
    assert ledger.abandoned([]) == ()


def test_a_send_of_a_process_that_never_signed_on_is_abandoned(ledger: Ledger) -> None:
    mine = claimed(ledger, prepare(ledger), owner="a-stranger")
    assert ids(ledger.abandoned([ACCOUNT])) == [mine.refund_id]


@pytest.mark.parametrize("owner", ["", "../up", "a b", "é" * 200])
def test_a_send_of_an_owner_with_an_impossible_name_is_abandoned(
    ledger: Ledger, owner: str
) -> None:
    mine = claimed(ledger, prepare(ledger), owner=owner)
    assert ids(ledger.abandoned([ACCOUNT])) == [mine.refund_id]


def test_another_living_process_is_seen(ledger: Ledger, backend: Backend) -> None:
    assert not ledger.others_alive(ME)
    assert ledger.others_alive("a-command")
    with opened(backend) as other:
        other.register("process-2")
        assert ledger.others_alive(ME)
        other.unregister("process-2")
        assert not ledger.others_alive(ME)


def test_signing_on_is_repeated_without_harm(ledger: Ledger) -> None:
    mine = claimed(ledger, prepare(ledger))
    ledger.register(ME)
    ledger.heartbeat(ME)
    assert ledger.abandoned([ACCOUNT]) == ()
    ledger.unregister(ME)
    ledger.unregister(ME)
    assert ids(ledger.abandoned([ACCOUNT])) == [mine.refund_id]


def test_a_process_of_postgres_is_dead_when_its_heartbeat_is_late(postgres: Backend) -> None:
    with opened(postgres) as ledger:
        ledger.register(ME)
        claim(ledger, prepare(ledger), valid_for=10 * MINUTE)
        postgres.wait(30)
        assert ledger.abandoned([ACCOUNT]) == ()
        postgres.wait(30)
        assert len(ledger.abandoned([ACCOUNT])) == 1
        ledger.heartbeat(ME)
        assert ledger.abandoned([ACCOUNT]) == ()


def test_a_process_of_postgres_that_is_dead_for_a_day_is_forgotten(postgres: Backend) -> None:
    with opened(postgres) as ledger:
        ledger.register("of-yesterday")
        postgres.wait(60)
        ledger.register("of-today")
        postgres.wait(DAY - 60)
        ledger.register(ME)
        told = postgres.run("SELECT owner FROM refund_owner ORDER BY owner")
        assert told == [("of-today",), (ME,)]


def test_a_healthy_ledger_proves_itself(ledger: Ledger) -> None:
    for state in State:
        brought_to(ledger, state, f"order-{state}")
    ledger.freeze("ann")
    ledger.verify()
