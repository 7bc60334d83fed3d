"""The same request is the same refund, for ever and whoever asks; three ends start anew."""

from dataclasses import replace

import pytest

from order_skills.refunds.intents import STARTS_ANEW, State
from order_skills.refunds.ledger import Change, Ledger, LedgerError

from .backends import Backend, opened
from .filling import fill
from .support import (
    ACCOUNT,
    DAY,
    MINUTE,
    OTHER_ACCOUNT,
    brought_to,
    claimed,
    draft,
    is_told,
    moved,
    prepare,
)

REMEMBERED = sorted(set(State) - STARTS_ANEW)


def test_a_new_request_is_written_down_as_it_was_asked(ledger: Ledger) -> None:
    asked = replace(
        draft(ledger),
        request=replace(draft(ledger).request, item_ids=("b", "a"), amount_minor=None, quantity=2),
        needs_person=("above the limit", "a repetition"),
        asked_by="agent-7",
        refunded_before_minor=250,
    )
    intent, new = ledger.find_or_prepare(asked)
    assert new
    assert intent == asked
    assert ledger.get(asked.refund_id) == asked
    assert is_told(ledger, intent)


def test_the_same_request_finds_the_first_intent(ledger: Ledger) -> None:
    first = prepare(ledger)
    again, new = ledger.find_or_prepare(draft(ledger))
    assert (again, new) == (first, False)
    assert len(ledger.events(first.refund_id)) == 1


def test_the_same_request_from_another_process_finds_the_first_intent(
    ledger: Ledger, backend: Backend
) -> None:
    first = prepare(ledger)
    with opened(backend) as other:
        assert other.find_or_prepare(draft(ledger)) == (first, False)


@pytest.mark.parametrize("state", REMEMBERED)
def test_a_request_that_ended_for_good_is_answered_by_its_first_intent(
    ledger: Ledger, state: State
) -> None:
    first = brought_to(ledger, state)
    again, new = ledger.find_or_prepare(draft(ledger))
    assert (again.refund_id, again.state, new) == (first.refund_id, state, False)


@pytest.mark.parametrize("state", sorted(STARTS_ANEW))
def test_a_request_of_which_nothing_was_made_starts_anew(ledger: Ledger, state: State) -> None:
    first = brought_to(ledger, state)
    second, new = ledger.find_or_prepare(draft(ledger))
    assert new
    assert second.refund_id != first.refund_id
    assert ledger.find_or_prepare(draft(ledger)) == (second, False)
    assert ledger.get(first.refund_id) == first


@pytest.mark.parametrize(
    "facts",
    [
        {"order_id": "order-2"},
        {"reason": "arrived broken!"},
        {"amount_minor": 501},
        {"repeat_of": "rr_0000000000"},
        {"account": OTHER_ACCOUNT},
    ],
)
def test_another_fact_is_another_request(ledger: Ledger, facts: dict[str, str]) -> None:
    first = prepare(ledger)
    other = prepare(ledger, **facts)
    assert other.refund_id != first.refund_id


def test_a_request_whose_time_ran_out_expires_when_it_is_asked_again(
    ledger: Ledger, backend: Backend
) -> None:
    first = prepare(ledger, valid_for=MINUTE)
    backend.wait(MINUTE)
    second, new = ledger.find_or_prepare(draft(ledger))
    assert new
    ended = ledger.get(first.refund_id)
    assert ended is not None
    assert ended.state is State.EXPIRED
    assert is_told(ledger, ended)
    assert second.state is State.PREPARED


def test_an_approved_request_whose_time_ran_out_is_not_sent_later(
    ledger: Ledger, backend: Backend
) -> None:
    first = prepare(ledger, valid_for=MINUTE)
    assert ledger.approve(first.refund_id, "ann") is not None
    backend.wait(MINUTE)
    assert ledger.approved([ACCOUNT]) == ()
    assert ledger.expire() == 1


def test_expire_ends_only_what_waits_and_is_late(ledger: Ledger, backend: Backend) -> None:
    late = [prepare(ledger, f"late-{n}", valid_for=MINUTE) for n in range(3)]
    kept = prepare(ledger, "kept", valid_for=DAY)
    sent = claimed(ledger, prepare(ledger, "sent", valid_for=MINUTE))
    assert ledger.expire() == 0
    backend.wait(MINUTE)
    assert ledger.expire() == 3
    assert ledger.expire() == 0
    ends = {i.refund_id: i for i in ledger.list()}
    assert {ends[i.refund_id].state for i in late} == {State.EXPIRED}
    assert ends[kept.refund_id].state is State.PREPARED
    assert ends[sent.refund_id].state is State.SENDING
    assert all(is_told(ledger, intent) for intent in ends.values())


def test_expire_ends_more_than_it_holds_at_once(ledger: Ledger, backend: Backend) -> None:
    fill(backend, 501, ledger.now())
    backend.run("UPDATE refund_intent SET state = 'PREPARED', expires_at = 1")
    assert ledger.expire() == 501
    assert {intent.state for intent in ledger.list()} == {State.EXPIRED}


def test_find_gives_the_live_intent_and_writes_nothing(ledger: Ledger, backend: Backend) -> None:
    fingerprint = draft(ledger).request.fingerprint(ACCOUNT)
    assert ledger.find(ACCOUNT, fingerprint) is None
    first = prepare(ledger, valid_for=MINUTE)
    assert ledger.find(ACCOUNT, fingerprint) == first
    assert ledger.find(OTHER_ACCOUNT, fingerprint) is None
    backend.wait(MINUTE)
    found = ledger.find(ACCOUNT, fingerprint)
    assert found is not None
    assert found.state is State.PREPARED


def test_late_evidence_is_kept_although_a_newer_intent_of_the_request_is_live(
    ledger: Ledger,
) -> None:
    first = brought_to(ledger, State.REJECTED)
    second = prepare(ledger)
    ended = moved(ledger, first, State.SUCCEEDED, alarm="LATE", store_refund_id="re_1")
    assert (ended.state, ended.alarm) == (State.SUCCEEDED, "LATE")
    assert ledger.find_or_prepare(draft(ledger)) == (second, False)


def test_an_id_that_another_request_has_is_never_given_twice(ledger: Ledger) -> None:
    first = prepare(ledger)
    other = replace(draft(ledger, "order-2"), refund_id=first.refund_id)
    with pytest.raises(LedgerError, match="could not be written down"):
        ledger.find_or_prepare(other)
    assert ledger.list() == (first,)


def test_a_refund_that_the_ledger_lost_is_adopted_once(ledger: Ledger) -> None:
    lost = replace(draft(ledger), state=State.SUCCEEDED, store_refund_id="re_1")
    change = Change("reconcile", "found in the store")
    assert ledger.adopt(lost, change)
    told = ledger.events(lost.refund_id)
    assert [(e.who, e.before, e.after) for e in told] == [("reconcile", None, State.SUCCEEDED)]
    assert not ledger.adopt(lost, change)
    assert ledger.events(lost.refund_id) == told
    assert ledger.get(lost.refund_id) == lost
    assert ledger.find_or_prepare(draft(ledger)) == (lost, False)
    assert is_told(ledger, lost)


def test_what_the_store_does_not_have_is_not_adopted(ledger: Ledger) -> None:
    waiting = draft(ledger)
    with pytest.raises(ValueError, match="adopted"):
        ledger.adopt(waiting, Change("reconcile", "found in the store"))
    assert ledger.get(waiting.refund_id) is None


def test_an_adopted_refund_leaves_its_request_to_the_intent_that_has_it(ledger: Ledger) -> None:
    live = prepare(ledger)
    lost = replace(draft(ledger), state=State.SUCCEEDED, store_refund_id="re_1")
    assert ledger.adopt(lost, Change("reconcile", "found in the store"))
    assert ledger.find_or_prepare(draft(ledger)) == (live, False)
    assert {i.refund_id for i in ledger.of_order(ACCOUNT, "order-1")} == {
        live.refund_id,
        lost.refund_id,
    }


def test_a_store_refund_that_is_ours_already_is_not_adopted(ledger: Ledger) -> None:
    brought = brought_to(ledger, State.SENDING)
    moved(ledger, brought, State.SUCCEEDED, store_refund_id="re_1")
    lost = replace(draft(ledger, "order-2"), state=State.SUCCEEDED, store_refund_id="re_1")
    with pytest.raises(LedgerError, match="another refund of ours"):
        ledger.adopt(lost, Change("reconcile", "found in the store"))
    assert ledger.get(lost.refund_id) is None


@pytest.mark.parametrize("amount", [True, 5.0, 24.5, "500", -1, 2**53 + 1, None])
def test_an_amount_that_is_no_whole_number_never_enters(ledger: Ledger, amount: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        ledger.find_or_prepare(replace(draft(ledger), amount_minor=amount))  # type: ignore[arg-type]
    assert ledger.list() == ()


@pytest.mark.parametrize("amount", [True, 24.5, "500", -1, 2**53 + 1])
def test_an_amount_that_was_asked_for_is_a_whole_number_too(ledger: Ledger, amount: object) -> None:
    asked = replace(draft(ledger).request, amount_minor=amount)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whole number"):
        ledger.find_or_prepare(replace(draft(ledger), request=asked))
    assert ledger.list() == ()


def test_the_largest_amount_that_every_json_reader_keeps_is_kept(ledger: Ledger) -> None:
    intent = prepare(ledger, amount_minor=2**53)
    assert ledger.get(intent.refund_id) == intent


def test_an_intent_enters_the_ledger_unclaimed(ledger: Ledger) -> None:
    sent = replace(draft(ledger), epoch=1)
    with pytest.raises(ValueError, match="unclaimed"):
        ledger.find_or_prepare(sent)
    with pytest.raises(ValueError, match="unclaimed"):
        ledger.adopt(replace(sent, state=State.SUCCEEDED), Change("reconcile", "found"))
    assert ledger.list() == ()


@pytest.mark.parametrize("state", sorted(set(State) - {State.PREPARED}))
def test_an_intent_enters_the_ledger_prepared_alone(ledger: Ledger, state: State) -> None:
    with pytest.raises(ValueError, match="PREPARED"):
        ledger.find_or_prepare(replace(draft(ledger), state=state))
    if state is not State.SUCCEEDED:
        with pytest.raises(ValueError, match="adopted"):
            ledger.adopt(replace(draft(ledger), state=state), Change("reconcile", "found"))


@pytest.mark.parametrize("reason", ["lone \ud800 surrogate", "a\udc00"])
def test_a_reason_that_cannot_be_stored_is_a_ledger_error_and_writes_nothing(
    ledger: Ledger, reason: str
) -> None:
    with pytest.raises(LedgerError, match="cannot be stored"):
        ledger.find_or_prepare(draft(ledger, reason=reason))
    assert ledger.list() == ()
    prepare(ledger)


@pytest.mark.parametrize(
    "reason", ["naïve Größe 日本 🎁", 'it\'s "quoted" % ? %s $1 \\ ; --', "a\nb"]
)
def test_any_other_reason_is_kept_to_the_letter(ledger: Ledger, reason: str) -> None:
    intent = prepare(ledger, reason=reason)
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert found.request.reason == reason
