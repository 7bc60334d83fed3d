"""Requests of one order that wait beside each other, and what a person who approves one sees."""

from order_skills.errors import Code
from order_skills.refunds.description import lines
from order_skills.refunds.intents import State
from tests.refunds.facts import decided, intent, order, refund_id, request

FIRST = intent(State.PREPARED, 500, number=1, created_at=1_000.0)
SECOND = intent(
    State.PREPARED,
    500,
    number=2,
    wanted=request(500, reason="again", repeat_of=refund_id(1)),
    created_at=2_000.0,
)


def test_one_that_repeats_the_first_does_not_keep_the_first_from_being_sent() -> None:
    decision = decided(order(), FIRST.request, FIRST, SECOND, itself=FIRST.refund_id)
    assert decision.blockers == ()


def test_neither_does_one_that_came_later_and_was_refused() -> None:
    refused = intent(State.DENIED, 500, number=2, created_at=2_000.0)
    decision = decided(order(), FIRST.request, FIRST, refused, itself=FIRST.refund_id)
    assert decision.blockers == ()


def test_one_that_came_earlier_and_waits_does() -> None:
    later = intent(State.PREPARED, 500, number=2, created_at=2_000.0)
    decision = decided(order(), later.request, FIRST, later, itself=later.refund_id)
    assert [b.code for b in decision.blockers] == [Code.POSSIBLE_DUPLICATE]


def test_one_that_was_made_later_does_all_the_same() -> None:
    made = intent(State.SUCCEEDED, 500, number=2, created_at=2_000.0)
    decision = decided(order(), FIRST.request, FIRST, made, itself=FIRST.refund_id)
    assert Code.POSSIBLE_DUPLICATE in [b.code for b in decision.blockers]


def test_after_a_refusal_the_next_step_is_to_tell_and_not_to_repeat() -> None:
    refused = intent(State.DENIED, 500, number=1)
    decision = decided(order(), request(500, reason="in other words"), refused)
    (blocker,) = decision.blockers
    assert blocker.code is Code.POSSIBLE_DUPLICATE
    assert "do not ask again" in blocker.next_step
    assert "repeat_of" not in blocker.next_step


def test_who_approves_sees_what_else_waits_and_what_was_refused_before() -> None:
    refused = intent(State.DENIED, 700, number=3)
    shown = dict(lines(FIRST, order(), (FIRST, SECOND, refused)))
    assert shown["Also waiting"] == f"5.00 USD ({refund_id(2)})"
    assert shown["Refused before"] == f"7.00 USD ({refund_id(3)})"
