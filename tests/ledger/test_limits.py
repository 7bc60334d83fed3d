"""Limits that no approval lifts: reserved in the claim, released when nothing was made."""

import pytest

from order_skills.refunds.intents import COUNTED, Limits, Spent, State
from order_skills.refunds.ledger import Claimed, Ledger, OverLimit

from .backends import Backend, SqliteBackend, opened
from .support import (
    ACCOUNT,
    DAY,
    MINUTE,
    OTHER_ACCOUNT,
    brought_to,
    claim,
    claimed,
    moved,
    prepare,
)


@pytest.mark.parametrize(
    ("limits", "passes"),
    [
        (Limits(), True),
        (Limits(max_refund_minor=500), True),
        (Limits(max_refund_minor=499), False),
        (Limits(max_refund_minor=0), False),
        (Limits(daily_refund_minor=500), True),
        (Limits(daily_refund_minor=499), False),
        (Limits(daily_refund_count=1), True),
        (Limits(daily_refund_count=0), False),
    ],
)
def test_a_first_refund_of_500_against_a_limit(
    ledger: Ledger, limits: Limits, passes: bool
) -> None:
    intent = prepare(ledger)
    got = claim(ledger, intent, limits=limits)
    assert isinstance(got, Claimed) == passes
    if not passes:
        assert isinstance(got, OverLimit)
        assert got.allowed == getattr(limits, got.limit)
        assert got.spent == Spent()
        assert ledger.get(intent.refund_id) == intent


@pytest.mark.parametrize("state", list(State))
def test_what_was_made_or_may_have_been_counts(ledger: Ledger, state: State) -> None:
    brought_to(ledger, state)
    counts = Spent(500, 1) if state in COUNTED else Spent()
    assert ledger.spent(ACCOUNT) == counts
    second = prepare(ledger, "order-2")
    got = claim(ledger, second, limits=Limits(daily_refund_minor=999))
    if state in COUNTED:
        assert got == OverLimit("daily_refund_minor", 999, counts)
    else:
        assert isinstance(got, Claimed)


def test_late_evidence_counts_again(ledger: Ledger) -> None:
    given_up = brought_to(ledger, State.NOT_APPLIED)
    assert ledger.spent(ACCOUNT) == Spent()
    moved(ledger, given_up, State.SUCCEEDED, alarm="LATE")
    assert ledger.spent(ACCOUNT) == Spent(500, 1)


def test_limits_are_of_one_account(ledger: Ledger) -> None:
    claimed(ledger, prepare(ledger, account=OTHER_ACCOUNT))
    assert ledger.spent(ACCOUNT) == Spent()
    assert isinstance(claim(ledger, prepare(ledger), limits=Limits(daily_refund_count=1)), Claimed)


def test_the_first_limit_that_would_be_passed_is_named(ledger: Ledger) -> None:
    claimed(ledger, prepare(ledger))
    limits = Limits(max_refund_minor=1_000, daily_refund_minor=1_000, daily_refund_count=1)
    got = claim(ledger, prepare(ledger, "order-2"), limits=limits)
    assert got == OverLimit("daily_refund_count", 1, Spent(500, 1))


def test_a_refund_counts_for_24_hours_and_no_longer(ledger: Ledger, backend: Backend) -> None:
    claimed(ledger, prepare(ledger))
    backend.wait(DAY - MINUTE)
    assert ledger.spent(ACCOUNT) == Spent(500, 1)
    backend.wait(MINUTE)
    assert ledger.spent(ACCOUNT) == Spent()


def test_the_window_ends_exactly_24_hours_after_the_claim(sqlite: SqliteBackend) -> None:
    with opened(sqlite) as ledger:
        claimed(ledger, prepare(ledger))
        sqlite.wait(DAY - 0.001)
        assert ledger.spent(ACCOUNT) == Spent(500, 1)
        sqlite.wait(0.001)
        assert ledger.spent(ACCOUNT) == Spent()


def test_what_counts_is_when_it_was_claimed_and_not_when_it_was_asked(
    ledger: Ledger, backend: Backend
) -> None:
    early = prepare(ledger, valid_for=3 * DAY)
    backend.wait(2 * DAY)
    assert ledger.spent(ACCOUNT) == Spent()
    claimed(ledger, early)
    assert ledger.spent(ACCOUNT) == Spent(500, 1)


def test_a_clock_that_is_set_back_opens_no_limit(ledger: Ledger, backend: Backend) -> None:
    claimed(ledger, prepare(ledger))
    backend.wait(-2 * DAY)
    assert ledger.spent(ACCOUNT) == Spent(500, 1)
    got = claim(ledger, prepare(ledger, "order-2"), limits=Limits(daily_refund_count=1))
    assert isinstance(got, OverLimit)


def test_a_clock_that_is_set_back_expires_and_abandons_nothing(
    ledger: Ledger, backend: Backend
) -> None:
    waiting = prepare(ledger)
    sent = claimed(ledger, prepare(ledger, "order-2"))
    backend.wait(-DAY / 2)
    assert ledger.expire() == 0
    assert ledger.abandoned([ACCOUNT]) == ()
    assert [i.state for i in ledger.of_order(ACCOUNT, "order-1")] == [waiting.state]
    assert [i.state for i in ledger.of_order(ACCOUNT, "order-2")] == [sent.state]


def test_a_sum_beyond_32_bits_is_exact(ledger: Ledger) -> None:
    for n in range(3):
        claimed(ledger, prepare(ledger, f"order-{n}", amount_minor=2**52 + 1))
    assert ledger.spent(ACCOUNT) == Spent(3 * (2**52 + 1), 3)
