"""Who waits for whom in PostgreSQL: what another process holds is decided on as it leaves it."""

from collections.abc import Callable

import pytest

from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Busy, Change, Frozen, Ledger, Lost
from order_skills.refunds.postgres import PostgresLedger

from .backends import PostgresBackend, after_waiting
from .support import ACCOUNT, brought_to, claim_by_itself, draft, prepare

CHANGE = Change("test", "because")
DENIED = "UPDATE refund_intent SET state = 'DENIED'"
FROZEN = "INSERT INTO refund_freeze (frozen_by, frozen_at) VALUES ('ann', 1)"


@pytest.fixture
def ledger(postgres_ledger: PostgresLedger) -> PostgresLedger:
    return postgres_ledger


def of(ledger: Ledger, intent: Intent) -> Intent:
    found = ledger.get(intent.refund_id)
    assert found is not None
    return found


def test_a_request_whose_intent_is_being_moved_is_answered_by_how_that_ends(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    got = after_waiting(postgres, lambda: ledger.find_or_prepare(draft(ledger)), DENIED)
    assert got == (of(ledger, intent), False)
    assert of(ledger, intent).state is State.DENIED


def test_an_intent_that_is_being_moved_is_not_approved(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    assert after_waiting(postgres, lambda: ledger.approve(intent.refund_id, "ann"), DENIED) is None
    assert of(ledger, intent).approved_at is None


def test_a_claim_of_an_intent_that_is_being_moved_finds_how_that_ends(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    got = after_waiting(postgres, lambda: claim_by_itself(ledger, intent), DENIED)
    assert got == Lost(of(ledger, intent))
    assert of(ledger, intent).state is State.DENIED


def test_a_move_waits_for_the_one_under_way_and_then_has_no_way(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = brought_to(ledger, State.SENDING)
    got = after_waiting(
        postgres,
        lambda: ledger.move(intent.refund_id, State.UNKNOWN, CHANGE),
        "UPDATE refund_intent SET state = 'SUCCEEDED'",
    )
    assert got is None
    assert of(ledger, intent).state is State.SUCCEEDED


def test_an_alarm_is_kept_on_an_intent_that_is_being_moved(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    alarm = Change("desk", "seen twice", alarm="DUPLICATE")
    assert after_waiting(postgres, lambda: ledger.warn(intent.refund_id, alarm), DENIED) is None
    assert (of(ledger, intent).state, of(ledger, intent).alarm) == (State.DENIED, "DUPLICATE")
    assert ledger.events(intent.refund_id)[-1].before is State.DENIED


@pytest.mark.parametrize("by", ["claim", "approve"])
def test_a_freeze_that_is_being_written_down_stops_what_began_before_its_end(
    ledger: Ledger, postgres: PostgresBackend, by: str
) -> None:
    intent = prepare(ledger)
    calls: dict[str, Callable[[], object]] = {
        "claim": lambda: claim_by_itself(ledger, intent),
        "approve": lambda: ledger.approve(intent.refund_id, "ann"),
    }
    got = after_waiting(postgres, calls[by], FROZEN)
    assert got == (Frozen(by="ann", at=1.0) if by == "claim" else None)
    assert of(ledger, intent) == intent


@pytest.mark.parametrize("by", ["freeze", "unfreeze"])
def test_a_freeze_waits_for_the_claim_under_way(
    ledger: Ledger, postgres: PostgresBackend, by: str
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "freeze": lambda: ledger.freeze("ann"),
        "unfreeze": lambda: ledger.unfreeze("ann"),
    }
    claiming = "LOCK TABLE refund_freeze IN SHARE MODE"
    assert after_waiting(postgres, calls[by], claiming) is None
    assert (ledger.frozen() is not None) == (by == "freeze")


def test_two_freezes_at_once_are_one(ledger: Ledger, postgres: PostgresBackend) -> None:
    freezing = "LOCK TABLE refund_freeze IN SHARE ROW EXCLUSIVE MODE"
    after_waiting(postgres, lambda: ledger.freeze("bob"), freezing, FROZEN)
    assert ledger.frozen() == Frozen(by="ann", at=1.0)
    assert postgres.run("SELECT COUNT(*) FROM refund_freeze") == [(1,)]


def test_a_claim_waits_for_the_one_that_reserves_the_budget_of_its_account(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    first = prepare(ledger)
    second = brought_to(ledger, State.SENDING, "order-2")
    reserving = f"SELECT 1 FROM refund_account WHERE account = '{ACCOUNT}' FOR UPDATE"
    got = after_waiting(
        postgres,
        lambda: claim_by_itself(ledger, first),
        reserving,
        f"{DENIED} WHERE refund_id = '{first.refund_id}'",
    )
    assert isinstance(got, Lost)
    assert got.intent.state is State.DENIED
    assert of(ledger, second) == second


def test_a_claim_that_the_index_refuses_finds_who_has_the_order(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    """Somebody who keeps no lock of ours: the unique index is the last guard, and it is enough."""
    first, second = prepare(ledger), prepare(ledger, reason="another one")
    claiming = (
        "UPDATE refund_intent SET state = 'SENDING', epoch = 1, owner = 'x', claimed_at = 1,"
        f" deadline = 4000000000 WHERE refund_id = '{first.refund_id}'"
    )
    got = after_waiting(postgres, lambda: claim_by_itself(ledger, second), claiming)
    assert got == Busy(of(ledger, first))
    assert of(ledger, second) == second
