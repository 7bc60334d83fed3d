"""The table of moves as a table, and what makes two requests the same one."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_skills.refunds.intents import (
    ACTIVE,
    COUNTED,
    LATE,
    MOVES,
    OUTCOMES,
    STARTS_ANEW,
    Intent,
    Request,
    State,
    allowed,
    new_refund_id,
)

S = State
INTENT = Intent(
    refund_id="rr_7f3k2m9x0a",
    account="clawver https://store.example me",
    store="shop",
    request=Request("order-1", "arrived broken", amount_minor=500),
    amount_minor=500,
    currency="USD",
    state=S.PREPARED,
    created_at=1.0,
    expires_at=2.0,
    refunded_before_minor=0,
)


def reachable(start: State) -> frozenset[State]:
    """Every state that some moves lead to."""
    found, new = {start}, {start}
    while new:
        new = {after for before in new for after in MOVES[before]} - found
        found |= new
    return frozenset(found)


def test_every_state_has_its_moves_and_its_outcome() -> None:
    assert set(MOVES) == set(OUTCOMES) == set(State)
    assert len(set(OUTCOMES.values())) == len(State)


def test_every_state_is_reached() -> None:
    assert reachable(S.PREPARED) == frozenset(State)


def test_success_is_the_only_end_that_nothing_changes() -> None:
    assert [s for s in State if not MOVES[s]] == [S.SUCCEEDED]


def test_an_end_is_changed_by_evidence_of_success_alone() -> None:
    ends = set(State) - ACTIVE - {S.PREPARED, S.SUCCEEDED}
    assert {s for s in State if MOVES[s] == {S.SUCCEEDED}} == ends


def test_only_a_prepared_intent_is_ever_sent() -> None:
    """The heart of it: no way leads back to SENDING, so there is no second send."""
    assert [s for s in State if S.SENDING in MOVES[s]] == [S.PREPARED]
    assert all(S.PREPARED not in MOVES[s] for s in State)
    assert all(S.SENDING not in reachable(after) for after in MOVES[S.SENDING])


def test_doubt_is_never_resolved_to_not_sent() -> None:
    for doubt in (S.UNKNOWN, S.NEEDS_HUMAN, S.NOT_APPLIED):
        assert S.NOT_SENT not in reachable(doubt)


def test_only_a_person_says_that_it_was_not_made() -> None:
    assert [s for s in State if S.NOT_APPLIED in MOVES[s]] == [S.NEEDS_HUMAN]


def test_what_is_active_counts_and_never_starts_anew() -> None:
    assert ACTIVE < COUNTED
    assert {S.SUCCEEDED} == COUNTED - ACTIVE
    assert not COUNTED & STARTS_ANEW


def test_whatever_was_sent_can_still_turn_out_to_have_succeeded() -> None:
    for state in reachable(S.SENDING) - {S.SUCCEEDED}:
        assert S.SUCCEEDED in MOVES[state]


def test_evidence_is_late_where_an_end_was_told_or_a_person_was_called() -> None:
    told_wrongly = {s for s in State if MOVES[s] == {S.SUCCEEDED}}
    assert told_wrongly | {S.NEEDS_HUMAN} == LATE


def test_a_request_starts_anew_only_after_nothing_was_made() -> None:
    assert {OUTCOMES[s] for s in STARTS_ANEW} == {"expired", "rejected", "not_sent"}


@pytest.mark.parametrize("after", list(State))
@pytest.mark.parametrize("before", list(State))
def test_an_intent_moves_as_the_table_says(before: State, after: State) -> None:
    intent = replace(INTENT, state=before)
    if allowed(before, after):
        assert intent.moved(after) == replace(INTENT, state=after)
    else:
        with pytest.raises(ValueError, match=f"no move from {before} to {after}"):
            intent.moved(after)


@pytest.mark.parametrize("state", list(State))
def test_an_agent_sees_the_outcome_of_the_state(state: State) -> None:
    assert replace(INTENT, state=state).outcome == OUTCOMES[state]


def test_a_refund_id_is_short_readable_and_new_each_time() -> None:
    ids = {new_refund_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(r"rr_[0-9a-hjkmnp-tv-z]{10}", one) for one in ids)


def test_the_marker_is_the_refund_id_in_brackets() -> None:
    assert INTENT.marker == "[rr_7f3k2m9x0a]"


words = st.text(max_size=8)
requests = st.builds(
    Request,
    order_id=words,
    reason=words,
    amount_minor=st.none() | st.integers(0, 3),
    item_ids=st.none() | st.lists(words, max_size=3).map(tuple),
    quantity=st.none() | st.integers(1, 3),
    repeat_of=st.none() | words,
)


def facts(request: Request) -> Request:
    """The request, with its items in one order: which was named first is no fact."""
    return replace(request, item_ids=request.item_ids and tuple(sorted(request.item_ids)))


@given(requests, requests, st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]))
def test_two_requests_are_the_same_exactly_when_their_facts_are(
    one: Request, other: Request, account: str, another: str
) -> None:
    same = (facts(one), account) == (facts(other), another)
    assert (one.fingerprint(account) == other.fingerprint(another)) == same


@given(requests, st.randoms(use_true_random=False))
def test_the_order_in_which_items_are_named_is_no_fact(request: Request, random: object) -> None:
    if request.item_ids is not None:
        shuffled = list(request.item_ids)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert replace(request, item_ids=tuple(shuffled)).fingerprint("a") == request.fingerprint(
            "a"
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"order_id": "order-2"},
        {"reason": "arrived broken "},
        {"amount_minor": 501},
        {"amount_minor": None},
        {"amount_minor": None, "item_ids": ("a",)},
        {"amount_minor": None, "item_ids": ("a",), "quantity": 1},
        {"repeat_of": "rr_0000000000"},
    ],
)
def test_each_fact_makes_another_request(changed: dict[str, str]) -> None:
    other = replace(INTENT.request, **changed)  # type: ignore[arg-type]
    assert other.fingerprint("a") != INTENT.request.fingerprint("a")


def test_a_fingerprint_says_nothing_of_the_reason() -> None:
    fingerprint = INTENT.request.fingerprint(INTENT.account)
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint)
