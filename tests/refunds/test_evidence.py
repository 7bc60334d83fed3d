"""What a store's list of refunds proves of one intent: by its mark or its id, never its amount."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.orders import StoreRefund
from order_skills.refunds.evidence import (
    Absent,
    Different,
    Evidence,
    Made,
    Unclear,
    answered,
)
from order_skills.refunds.evidence import read_back as read_order_back
from order_skills.refunds.intents import Intent, State
from tests.refunds.facts import intent, order, refund_id, refunded

INTENT = intent(State.UNKNOWN, baseline=("ref_7",))
OLD = refunded(500, 7)
MINE = f"broken [{refund_id(1)}]"
OTHERS = f"broken [{refund_id(2)}]"
steady = settings(derandomize=True, deadline=None, max_examples=300)


def ours(amount_minor: int = 500, number: int = 1, reason: str | None = MINE) -> StoreRefund:
    return refunded(amount_minor, number, reason)


def read_back(found: Intent, shown: tuple[StoreRefund, ...] | None) -> Evidence:
    return read_order_back(found, order(refunds=shown))


TABLE: list[tuple[str, tuple[StoreRefund, ...] | None, Evidence, Evidence]] = [
    # what is shown → what reading back says, what the answer to our request says
    ("no list", None, Unclear(), Unclear()),
    ("an empty list", (), Absent(), Unclear()),
    ("what was there before", (OLD,), Absent(), Unclear()),
    ("our mark", (OLD, ours()), Made(ours()), Made(ours())),
    ("our mark in capitals", (ours(reason=MINE.upper()),), *[Made(ours(reason=MINE.upper()))] * 2),
    ("our mark twice", (ours(), ours(number=2)), Made(ours(), 1), Made(ours(), 1)),
    (
        "our mark three times",
        (ours(), OLD, ours(number=2), ours(number=3)),
        Made(ours(), 2),
        Made(ours(), 2),
    ),
    ("our mark, other amount", (ours(499),), Different(ours(499)), Different(ours(499))),
    (
        "our mark, once with another amount",
        (ours(), ours(501, 2)),
        Different(ours(501, 2)),
        Different(ours(501, 2)),
    ),
    # A refund elsewhere, of the same amount: it could be ours with its reason cut.
    ("same amount, another reason", (ours(reason="late"),), Unclear(), Unclear()),
    ("same amount, no reason", (ours(reason=None),), Unclear(), Made(ours(reason=None))),
    ("same amount, before us", (OLD, ours(400, 8, "late")), Absent(), Unclear()),
    ("other amount, another reason", (ours(400, reason="late"),), Absent(), Unclear()),
    (
        "other amount, no reason",
        (ours(400, reason=None),),
        Absent(),
        Different(ours(400, reason=None)),
    ),
    # Another intent's mark is another intent's refund, whatever its amount.
    ("another mark", (ours(reason=OTHERS),), Absent(), Unclear()),
    # Of two new ones without reasons either may be ours.
    (
        "two without reasons",
        (ours(reason=None), ours(number=2, reason=None)),
        Unclear(),
        Unclear(),
    ),
    ("one without reason beside one with", (ours(), ours(1, 2, None)), Made(ours()), Made(ours())),
    (
        "a new one elsewhere beside one without reason",
        (ours(1, 2, "late"), ours(reason=None)),
        Unclear(),
        Unclear(),
    ),
    (
        "one without reason after the old",
        (OLD, ours(reason=None)),
        Unclear(),
        Made(ours(reason=None)),
    ),
]


@pytest.mark.parametrize(
    ("shown", "read", "told"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_is_shown_proves_so_much(
    shown: tuple[StoreRefund, ...] | None, read: Evidence, told: Evidence
) -> None:
    assert read_back(INTENT, shown) == read
    assert answered(INTENT, shown) == told


def test_a_refund_is_ours_by_its_id_where_the_mark_is_gone() -> None:
    known = intent(State.UNKNOWN, store_refund_id="ref_1")
    assert read_back(known, (ours(reason="late"),)) == Made(ours(reason="late"))
    assert read_back(known, (ours(400, reason=None),)) == Different(ours(400, reason=None))
    assert read_back(known, (ours(number=2, reason="late"),)) == Unclear()
    # The mark stands above the id.
    assert read_back(known, (ours(reason="late"), ours(number=2))) == Made(ours(number=2))


def test_no_id_is_nobodys_id() -> None:
    nameless = StoreRefund(amount_minor=500, reason="late")
    assert read_back(intent(State.UNKNOWN), (nameless,)) == Unclear()
    other = StoreRefund(amount_minor=400, reason="late")
    assert read_back(intent(State.UNKNOWN), (other,)) == Absent()
    empty = StoreRefund(refund_id="", amount_minor=400, reason="late")
    assert read_back(intent(State.UNKNOWN, store_refund_id=""), (empty,)) == Absent()


refund = st.builds(
    StoreRefund,
    refund_id=st.sampled_from([None, "ref_1", "ref_2", "ref_7"]),
    amount_minor=st.sampled_from([400, 500]),
    reason=st.sampled_from([None, "late", MINE, MINE.lower(), OTHERS]),
)


def is_ours(shown: StoreRefund) -> bool:
    return refund_id(1) in (shown.reason or "").lower()


@steady
@given(st.lists(refund, max_size=4).map(tuple))
def test_reading_back_takes_nothing_for_ours_but_by_its_mark(
    shown: tuple[StoreRefund, ...],
) -> None:
    found = read_back(INTENT, shown)
    mine = [r for r in shown if is_ours(r)]
    if isinstance(found, Made):
        assert all(r.amount_minor == 500 for r in mine)
        assert found == Made(mine[0], len(mine) - 1)
    elif isinstance(found, Different):
        assert found.refund in mine
        assert found.refund.amount_minor != 500
    else:
        assert not mine
    if isinstance(found, Absent):
        # Nothing of our amount is new and unexplained.
        assert all(
            r.amount_minor != 500 or r.refund_id == "ref_7" or r.reason == OTHERS for r in shown
        )


@steady
@given(st.lists(refund, max_size=4).map(tuple), st.permutations(range(4)))
def test_the_order_of_a_list_decides_nothing(
    shown: tuple[StoreRefund, ...], places: list[int]
) -> None:
    mixed = tuple(shown[place] for place in places if place < len(shown))
    for judge in (read_back, answered):
        assert type(judge(INTENT, shown)) is type(judge(INTENT, mixed))


@steady
@given(st.lists(refund, max_size=4).map(tuple))
def test_an_answer_proves_what_reading_back_would_or_one_new_nameless_refund(
    shown: tuple[StoreRefund, ...],
) -> None:
    told = answered(INTENT, shown)
    if any(is_ours(r) for r in shown):
        assert told == read_back(INTENT, shown)
    elif isinstance(told, Made | Different):
        assert told.refund.reason is None
        assert [r for r in shown if r.refund_id != "ref_7"] == [told.refund]
    else:
        assert told == Unclear()
