"""The states as they were decided, word for word: who changes them has to say so here, too."""

import pytest

from order_skills.refunds.intents import (
    ACTIVE,
    COUNTED,
    LATE,
    MOVES,
    OUTCOMES,
    STARTS_ANEW,
    Request,
    Spent,
    State,
)

DECIDED = {
    "PREPARED": "SENDING NOT_SENT DENIED EXPIRED",
    "SENDING": "SUCCEEDED REJECTED NOT_SENT UNKNOWN NEEDS_HUMAN",
    "UNKNOWN": "SUCCEEDED REJECTED NEEDS_HUMAN",
    "NEEDS_HUMAN": "SUCCEEDED NOT_APPLIED",
    "SUCCEEDED": "",
    "REJECTED": "SUCCEEDED",
    "NOT_SENT": "SUCCEEDED",
    "NOT_APPLIED": "SUCCEEDED",
    "DENIED": "SUCCEEDED",
    "EXPIRED": "SUCCEEDED",
}


def words(states: frozenset[State]) -> set[str]:
    return {state.value for state in states}


@pytest.mark.parametrize("before", list(State))
def test_every_move_is_the_one_that_was_decided(before: State) -> None:
    assert words(MOVES[before]) == set(DECIDED[before.value].split())


def test_what_the_states_mean_for_others_is_what_was_decided() -> None:
    assert words(ACTIVE) == {"SENDING", "UNKNOWN", "NEEDS_HUMAN"}
    assert words(COUNTED) == {"SENDING", "UNKNOWN", "NEEDS_HUMAN", "SUCCEEDED"}
    assert words(STARTS_ANEW) == {"EXPIRED", "REJECTED", "NOT_SENT"}
    assert words(LATE) == set(DECIDED) - {"PREPARED", "SENDING", "UNKNOWN", "SUCCEEDED"}


def test_an_agent_sees_these_words() -> None:
    assert {state.value: outcome for state, outcome in OUTCOMES.items()} == {
        "PREPARED": "awaiting_approval",
        "SENDING": "in_progress",
        "SUCCEEDED": "refunded",
        "REJECTED": "rejected",
        "NOT_SENT": "not_sent",
        "DENIED": "denied",
        "EXPIRED": "expired",
        "UNKNOWN": "unknown",
        "NEEDS_HUMAN": "needs_person",
        "NOT_APPLIED": "not_made",
    }


def test_an_account_that_refunded_nothing_has_spent_nothing() -> None:
    assert Spent() == Spent(amount_minor=0, count=0)


@pytest.mark.parametrize(
    ("request_", "fingerprint"),
    [
        (
            Request("ord_1", "arrived broken", 500),
            "f15a11a6fdd77b41a50e147c7d7e41f05672cec5ee0bcf6b2825ea1ba4c65452",
        ),
        (
            Request("ord_1", "kam kaputt an: Größe 42 €", None, ("b", "a"), 2),
            "0a3d241cf5600a44328550b1710dea482c80f5a1ae5d58cbee5f888d196be3bd",
        ),
        (
            Request("ord_1", "lone \ud800", None, None, None, "rr_0000000001"),
            "762149b7197f7fc9c3ae1f696f3fc2b1f5620f28315680e2d12c9f9f20bf95b3",
        ),
    ],
)
def test_a_request_is_known_by_the_same_fingerprint_in_every_version(
    request_: Request, fingerprint: str
) -> None:
    """It stands in every ledger: another one would take a repeated request for a new one."""
    assert request_.fingerprint("clawver https://store.example shop") == fingerprint
