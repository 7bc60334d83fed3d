"""Claiming: the one door to SENDING, and everything that keeps it shut."""

import pytest

from order_skills.refunds.intents import ACTIVE, Limits, State
from order_skills.refunds.ledger import Busy, Claimed, Frozen, Ledger, LedgerError, Lost, Stale

from .backends import Backend, opened
from .support import (
    ACCOUNT,
    ME,
    MINUTE,
    OTHER_ACCOUNT,
    brought_to,
    claim,
    claimed,
    draft,
    is_told,
    moved,
    prepare,
)


def test_a_claim_makes_the_intent_ours_under_a_new_epoch(ledger: Ledger) -> None:
    intent = prepare(ledger)
    before = ledger.now()
    got = claim(ledger, intent, baseline=("re_1", "re_2"))
    assert isinstance(got, Claimed)
    mine = got.intent
    assert (mine.state, mine.epoch, mine.owner) == (State.SENDING, 1, ME)
    assert mine.baseline == ("re_1", "re_2")
    assert mine.claimed_at is not None
    assert before <= mine.claimed_at <= ledger.now()
    assert mine.deadline is not None
    assert mine.deadline >= before + MINUTE
    assert mine.sent_at is None
    assert ledger.get(intent.refund_id) == mine
    assert is_told(ledger, mine)


def test_a_claim_tells_the_policy_that_let_it_pass(ledger: Ledger) -> None:
    intent = prepare(ledger)
    assert isinstance(claim(ledger, intent, limits=Limits(daily_refund_minor=900)), Claimed)
    told = ledger.events(intent.refund_id)[-1]
    assert told.who == ME
    assert told.evidence == {
        "epoch": 1,
        "amount_minor": 500,
        "currency": "USD",
        "approval_needed": 0,
        "max_refund_minor": None,
        "daily_refund_minor": 900,
        "daily_refund_count": None,
    }


@pytest.mark.parametrize("state", sorted(set(State) - {State.PREPARED}))
def test_only_a_prepared_intent_is_claimed(ledger: Ledger, state: State) -> None:
    intent = brought_to(ledger, state)
    history = ledger.events(intent.refund_id)
    assert claim(ledger, intent) == Lost(intent)
    assert ledger.get(intent.refund_id) == intent
    assert ledger.events(intent.refund_id) == history


def test_a_second_claim_finds_the_first(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger)
    mine = claimed(ledger, intent)
    with opened(backend) as other:
        assert claim(other, intent, owner="process-2") == Lost(mine)


def test_an_intent_that_nobody_wrote_down_is_not_claimed(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no such refund"):
        claim(ledger, draft(ledger))


def test_a_late_claim_finds_its_time_over(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger, valid_for=MINUTE)
    backend.wait(MINUTE)
    got = claim(ledger, intent)
    assert isinstance(got, Lost)
    assert got.intent.state is State.EXPIRED
    assert is_told(ledger, got.intent)


def test_a_claim_before_its_time_is_over_is_in_time(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger, valid_for=MINUTE)
    backend.wait(MINUTE / 2)
    assert isinstance(claim(ledger, intent), Claimed)


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_an_order_has_one_active_intent(ledger: Ledger, state: State) -> None:
    first = brought_to(ledger, state)
    second = prepare(ledger, reason="another one")
    assert claim(ledger, second) == Busy(first)
    assert ledger.get(second.refund_id) == second


@pytest.mark.parametrize("state", sorted(set(State) - ACTIVE - {State.PREPARED}))
def test_an_order_is_free_again_when_its_intent_ended(ledger: Ledger, state: State) -> None:
    brought_to(ledger, state)
    claimed(ledger, prepare(ledger, reason="another one"))


def test_the_same_order_id_of_another_account_is_another_order(ledger: Ledger) -> None:
    claimed(ledger, prepare(ledger))
    claimed(ledger, prepare(ledger, account=OTHER_ACCOUNT))


def test_the_index_refuses_a_second_active_intent_even_past_the_code(
    ledger: Ledger, backend: Backend
) -> None:
    claimed(ledger, prepare(ledger))
    second = prepare(ledger, reason="another one")
    with pytest.raises(Exception, match=r"(?i)unique"):
        backend.run(
            "UPDATE refund_intent SET state = 'SENDING', epoch = 1, owner = 'x', claimed_at = 1,"
            f" deadline = 1 WHERE refund_id = '{second.refund_id}'"
        )


def test_a_claim_waits_for_the_approval_it_needs(ledger: Ledger) -> None:
    intent = prepare(ledger)
    assert claim(ledger, intent, must_be_approved=True) == Lost(intent)
    approved = ledger.approve(intent.refund_id, "ann")
    assert approved is not None
    assert isinstance(claim(ledger, intent, must_be_approved=True), Claimed)


def test_a_frozen_ledger_claims_nothing_in_any_process(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger)
    with opened(backend) as other:
        other.freeze("ann")
        frozen = ledger.frozen()
        assert claim(ledger, intent) == frozen
        assert isinstance(frozen, Frozen)
        assert frozen.by == "ann"
        other.unfreeze("bob")
    assert ledger.frozen() is None
    claimed(ledger, intent)


def test_freezing_twice_keeps_who_froze_first_and_one_word_lifts_it(ledger: Ledger) -> None:
    ledger.freeze("ann")
    first = ledger.frozen()
    ledger.freeze("bob")
    assert ledger.frozen() == first
    ledger.unfreeze("bob")
    assert ledger.frozen() is None
    ledger.unfreeze("bob")
    ledger.freeze("cid")
    again = ledger.frozen()
    assert again is not None
    assert again.by == "cid"


def test_a_freeze_is_remembered_after_it_was_lifted(ledger: Ledger, backend: Backend) -> None:
    ledger.freeze("ann")
    ledger.unfreeze("bob")
    rows = backend.run("SELECT frozen_by, lifted_by FROM refund_freeze")
    assert [tuple(row) for row in rows] == [("ann", "bob")]


def test_what_is_sent_while_frozen_may_still_be_recorded(ledger: Ledger) -> None:
    intent = claimed(ledger, prepare(ledger))
    ledger.freeze("ann")
    assert ledger.still_ours(intent.refund_id, intent.epoch)
    moved(ledger, intent, State.SUCCEEDED)


def test_an_intent_is_approved_once(ledger: Ledger) -> None:
    intent = prepare(ledger)
    approved = ledger.approve(intent.refund_id, "ann")
    assert approved is not None
    assert approved.approved_by == "ann"
    assert approved.approved_at is not None
    assert ledger.approve(intent.refund_id, "bob") is None
    assert ledger.get(intent.refund_id) == approved
    told = ledger.events(intent.refund_id)[-1]
    assert (told.who, told.before, told.after) == ("ann", State.PREPARED, State.PREPARED)
    assert told.evidence == {"amount_minor": 500, "currency": "USD"}


@pytest.mark.parametrize("state", sorted(set(State) - {State.PREPARED}))
def test_only_what_waits_is_approved(ledger: Ledger, state: State) -> None:
    intent = brought_to(ledger, state)
    assert ledger.approve(intent.refund_id, "ann") is None
    assert ledger.get(intent.refund_id) == intent


def test_nothing_is_approved_late_or_frozen_or_unknown(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger, valid_for=MINUTE)
    ledger.freeze("ann")
    assert ledger.approve(intent.refund_id, "ann") is None
    ledger.unfreeze("ann")
    backend.wait(MINUTE)
    assert ledger.approve(intent.refund_id, "ann") is None
    assert ledger.approve("rr_0000000000", "ann") is None


def test_an_approved_intent_waits_to_be_sent_by_whoever_lives(ledger: Ledger) -> None:
    second, first = prepare(ledger, "order-2"), prepare(ledger, "order-1")
    prepare(ledger, "order-3")
    other = prepare(ledger, account=OTHER_ACCOUNT)
    for intent in (first, second, other):
        assert ledger.approve(intent.refund_id, "ann") is not None
    waiting = ledger.approved([ACCOUNT])
    assert [intent.refund_id for intent in waiting] == [second.refund_id, first.refund_id]
    claimed(ledger, first)
    assert len(ledger.approved([ACCOUNT, OTHER_ACCOUNT])) == 2
    assert ledger.approved([]) == ()


def test_a_decision_made_before_another_refund_of_the_order_is_void(ledger: Ledger) -> None:
    """Two agents word one wish differently; both pass the rules; one is sent, then the other."""
    first, second = prepare(ledger), prepare(ledger, reason="arrived broken, sorry")
    seen = ledger.of_order(ACCOUNT, "order-1")
    sent = moved(ledger, claimed(ledger, first), State.SUCCEEDED)
    got = claim(ledger, second, history=seen)
    assert got == Stale((sent, second))
    now = ledger.of_order(ACCOUNT, "order-1")
    assert isinstance(claim(ledger, second, history=now), Claimed)


def test_intents_that_were_never_claimed_come_and_go_without_voiding_a_decision(
    ledger: Ledger,
) -> None:
    intent = prepare(ledger)
    seen = ledger.of_order(ACCOUNT, "order-1")
    other = prepare(ledger, reason="another one")
    moved(ledger, other, State.DENIED)
    assert isinstance(claim(ledger, intent, history=seen), Claimed)


def test_a_refund_that_was_settled_meanwhile_voids_a_decision(ledger: Ledger) -> None:
    gone = brought_to(ledger, State.REJECTED)
    seen = ledger.of_order(ACCOUNT, "order-1")
    intent = prepare(ledger, reason="another one")
    moved(ledger, gone, State.SUCCEEDED, alarm="LATE")
    assert isinstance(claim(ledger, intent, history=seen), Stale)


def test_an_answer_of_another_epoch_is_not_ours(ledger: Ledger) -> None:
    intent = prepare(ledger)
    assert not ledger.still_ours(intent.refund_id, 0)
    mine = claimed(ledger, intent)
    assert not ledger.still_ours(intent.refund_id, 0)
    assert not ledger.still_ours(intent.refund_id, 2)
    assert ledger.still_ours(intent.refund_id, 1)
    moved(ledger, mine, State.UNKNOWN)
    assert not ledger.still_ours(intent.refund_id, 1)


def test_the_last_question_before_the_first_byte_is_written_down_once(
    ledger: Ledger, backend: Backend
) -> None:
    mine = claimed(ledger, prepare(ledger))
    assert ledger.still_ours(mine.refund_id, 1)
    first = ledger.get(mine.refund_id)
    assert first is not None
    assert first.sent_at is not None
    backend.wait(1)
    assert ledger.still_ours(mine.refund_id, 1)
    again = ledger.get(mine.refund_id)
    assert again is not None
    assert again.sent_at == first.sent_at
