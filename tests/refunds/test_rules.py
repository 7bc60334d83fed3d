"""The rules as tables: what forbids a refund, with the smallest order that shows it, and who asks.

What a refund comes to is in test_amounts.py.
"""

import pytest

from order_skills.errors import Code
from order_skills.orders import ORDER_STATUSES, PAYMENT_STATUSES, Order
from order_skills.refunds.case import Policy
from order_skills.refunds.intents import ACTIVE, Intent, Limits, Request, Spent, State
from order_skills.refunds.person import is_another
from order_skills.refunds.rules import Decision, over_limit
from tests.refunds.facts import (
    codes,
    decided,
    intent,
    item,
    of_items,
    older,
    order,
    refund_id,
    refunded,
    request,
)

S = State
ITEMS = (item(1), item(2, 1500))
ASK = request(500)


def test_a_paid_order_may_be_refunded() -> None:
    assert decided(order(), ASK) == Decision("USD", 500, 2500)
    assert decided(order(), ASK).allowed


# --- the order's own state ------------------------------------------------------------------

PAYMENT_CODES = {
    "pending": Code.NOT_PAID,
    "partially_paid": Code.NOT_PAID,
    "failed": Code.NOT_PAID,
    "refunded": Code.NOTHING_LEFT,
    "disputed": Code.NOT_REFUNDABLE,
    "unknown": Code.NOT_REFUNDABLE,
}


def of_payment(word: str) -> Order:
    """An order with this payment word, and refunds that agree with it."""
    refunds = {"refunded": (refunded(2500),), "partially_refunded": (refunded(500),)}
    return order(*refunds.get(word, ()), payment_status=word)


@pytest.mark.parametrize("word", PAYMENT_STATUSES)
def test_every_payment_word_has_its_answer(word: str) -> None:
    found = codes(decided(of_payment(word), ASK))
    assert found == [PAYMENT_CODES[word]] if word in PAYMENT_CODES else found == []


@pytest.mark.parametrize("word", ORDER_STATUSES)
def test_where_the_payment_is_reported_only_an_unclear_order_word_forbids(word: str) -> None:
    found = codes(decided(order(status=word, status_raw=word), ASK))
    assert found == ([Code.NOT_REFUNDABLE] if word in ("unknown", "disputed") else [])


@pytest.mark.parametrize("word", ORDER_STATUSES)
def test_the_older_revision_takes_a_refund_of_paid_and_processing_orders_alone(word: str) -> None:
    for raw in (word, "paid", "processing", "confirmed"):
        found = codes(
            decided(order(status=word, status_raw=raw, payment_status_source="derived"), ASK)
        )
        clear = word not in ("unknown", "disputed")
        assert found == ([] if clear and raw in ("paid", "processing") else [Code.NOT_REFUNDABLE])


@pytest.mark.parametrize("word", ["unknown", "disputed"])
@pytest.mark.parametrize("source", ["reported", "derived"])
def test_money_does_not_move_on_an_unclear_payment_whatever_the_order_says(
    word: str, source: str
) -> None:
    unclear = order(status_raw="processing", payment_status=word, payment_status_source=source)
    found = decided(unclear, ASK)
    assert codes(found) == [Code.NOT_REFUNDABLE]
    assert word in found.blockers[0].message


@pytest.mark.parametrize("raw", ["paid", "processing"])
def test_an_older_order_stays_refundable_after_a_part(raw: str) -> None:
    partly = older(raw, refunded(500), payment_status="partially_refunded")
    assert decided(partly, ASK).allowed
    # Its payment is derived: without refunds it is "paid", and that no more contradicts a sum.
    assert decided(older(raw, refunded(500), payment_status="paid"), ASK).allowed


def test_a_reported_payment_word_that_the_platform_takes_no_refund_on_forbids() -> None:
    strange = order(payment_status="refunded", refunded_minor=0, refunds=())
    assert Code.NOTHING_LEFT in codes(decided(strange, ASK))


@pytest.mark.parametrize(
    ("word", "sum_minor", "agrees"),
    [
        ("paid", 0, True),
        ("paid", 1, False),
        ("paid", 2500, False),
        ("partially_refunded", 0, False),
        ("partially_refunded", 1, True),
        ("partially_refunded", 2499, True),
        ("partially_refunded", 2500, False),
        ("partially_refunded", 2501, False),
        ("refunded", 2499, False),
        ("refunded", 2500, True),
        ("refunded", 2501, True),
        # What was never paid is refused for that alone.
        ("pending", 500, True),
    ],
)
@pytest.mark.parametrize("source", ["reported", "derived"])
def test_a_payment_word_that_contradicts_the_refunds_forbids(
    word: str, sum_minor: int, agrees: bool, source: str
) -> None:
    refunds = (refunded(sum_minor),) if sum_minor else ()
    contradicting = order(
        *refunds, payment_status=word, payment_status_source=source, status_raw="processing"
    )
    found = decided(contradicting, request(1))
    told = any("but refunds of" in blocker.message for blocker in found.blockers)
    # The older revision's "paid" is derived from another word and contradicts nothing.
    assert told is not (agrees or (source == "derived" and word == "paid"))
    if told:
        assert Code.NOT_REFUNDABLE in codes(found)


@pytest.mark.parametrize("asked", [ASK, request(), of_items(1)])
def test_refunds_that_the_store_does_not_say_forbid(asked: Request) -> None:
    silent = order(refunds=None, refunded_minor=None, items=ITEMS)
    found = decided(silent, asked)
    assert codes(found) == [Code.NOT_REFUNDABLE]
    assert found.remaining_minor is None


def test_of_a_fully_refunded_order_that_is_all_that_is_said() -> None:
    silent = order(refunds=None, refunded_minor=None, payment_status="refunded")
    assert codes(decided(silent, ASK)) == [Code.NOTHING_LEFT]
    assert codes(decided(order(refunded(2500)), request())) == [Code.NOTHING_LEFT]
    assert codes(decided(order(refunded(2500)), ASK)) == [Code.NOTHING_LEFT]


@pytest.mark.parametrize("total", [0, 2500])
def test_an_order_with_nothing_left_forbids_every_form_of_request(total: int) -> None:
    taken = intent(amount_minor=2500)
    history = (taken,) if total else ()
    empty = order(total_minor=total, items=(item(1, total),))
    for asked in (request(), request(1)):
        found = decided(empty, asked, *history)
        assert Code.NOTHING_LEFT in codes(found)
        assert found.remaining_minor == 0


def test_a_marker_of_ours_that_the_ledger_does_not_know_forbids() -> None:
    found = decided(order(), ASK, strangers=frozenset({refund_id(9)}))
    assert codes(found) == [Code.NOT_REFUNDABLE]
    assert "reconcile" in found.blockers[0].next_step


# --- the owner's policy ---------------------------------------------------------------------


def test_read_only_and_frozen_forbid() -> None:
    assert codes(decided(order(), ASK, policy=Policy(read_only=True))) == [Code.READ_ONLY]
    assert codes(decided(order(), ASK, policy=Policy(frozen=True))) == [Code.FROZEN]


def test_every_blocker_is_found_and_not_only_the_first() -> None:
    busy = intent(S.SENDING)
    found = decided(
        order(refunded(2000), payment_status="paid", status="unknown"),
        ASK,
        busy,
        policy=Policy(read_only=True, frozen=True, limits=Limits(max_refund_minor=499)),
        strangers=frozenset({refund_id(9)}),
    )
    assert codes(found) == [
        Code.READ_ONLY,
        Code.FROZEN,
        Code.NOT_REFUNDABLE,
        Code.NOT_REFUNDABLE,
        Code.NOT_REFUNDABLE,
        Code.NOTHING_LEFT,
        Code.POSSIBLE_DUPLICATE,
        Code.OVER_LIMIT,
        Code.REFUND_IN_PROGRESS,
    ]
    assert not found.allowed
    for blocker in found.blockers:
        assert blocker.message
        assert blocker.next_step


LIMITS = [
    # limits, already spent, the amount that just passes
    (Limits(max_refund_minor=500), Spent(), 500, "ORDER_SKILLS_MAX_REFUND_MINOR", 500),
    (Limits(daily_refund_minor=800), Spent(300, 1), 500, "ORDER_SKILLS_DAILY_REFUND_MINOR", 800),
    (Limits(max_refund_minor=0), Spent(), 0, "ORDER_SKILLS_MAX_REFUND_MINOR", 0),
]


@pytest.mark.parametrize(("limits", "spent", "passes", "name", "allowed"), LIMITS)
def test_a_limit_holds_to_the_minor_unit(
    limits: Limits, spent: Spent, passes: int, name: str, allowed: int
) -> None:
    assert over_limit(passes, limits, spent) is None
    assert over_limit(passes + 1, limits, spent) == (name, allowed)


@pytest.mark.parametrize(("spent", "passes"), [(0, True), (2, True), (3, False), (4, False)])
def test_the_daily_count_counts_this_refund_too(spent: int, passes: bool) -> None:
    policy = Policy(never=True, limits=Limits(daily_refund_count=3))
    found = decided(order(), ASK, policy=policy, spent=Spent(0, spent))
    assert found.allowed is passes
    if not passes:
        assert codes(found) == [Code.OVER_LIMIT]
        assert "ORDER_SKILLS_DAILY_REFUND_COUNT is 3 refunds" in found.blockers[0].message


@pytest.mark.parametrize(("count", "told"), [(0, "0 refunds"), (1, "1 refund"), (2, "2 refunds")])
def test_a_limit_of_one_refund_is_told_as_one(count: int, told: str) -> None:
    policy = Policy(never=True, limits=Limits(daily_refund_count=count))
    found = decided(order(), ASK, policy=policy, spent=Spent(0, count))
    assert f"ORDER_SKILLS_DAILY_REFUND_COUNT is {told}, and" in found.blockers[0].message


def test_a_limit_is_told_as_money_and_no_approval_lifts_it() -> None:
    policy = Policy(limits=Limits(max_refund_minor=499))
    found = decided(order(), ASK, policy=policy)
    assert codes(found) == [Code.OVER_LIMIT]
    assert "is 4.99 USD, and 5.00 USD would pass it" in found.blockers[0].message


# --- our own history ------------------------------------------------------------------------

DUPLICATES = {S.PREPARED, S.DENIED, S.SUCCEEDED, S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN}


@pytest.mark.parametrize("state", list(State))
def test_an_equal_amount_again_is_refused_after_all_that_was_or_may_be_made(state: State) -> None:
    found = codes(decided(order(), ASK, intent(state)))
    assert (Code.POSSIBLE_DUPLICATE in found) is (state in DUPLICATES)
    assert (Code.REFUND_IN_PROGRESS in found) is (state in ACTIVE)
    # Another amount is no duplicate; one refund at a time still holds.
    found = codes(decided(order(), request(501), intent(state)))
    assert found == ([Code.REFUND_IN_PROGRESS] if state in ACTIVE else [])


@pytest.mark.parametrize("state", list(State))
def test_what_repeats_a_refund_on_purpose_is_no_duplicate_and_always_needs_a_person(
    state: State,
) -> None:
    found = decided(order(), request(500, repeat_of=refund_id(1)), intent(state))
    assert Code.POSSIBLE_DUPLICATE not in codes(found)
    assert f"it repeats {refund_id(1)}" in found.needs_person


def test_a_duplicate_names_the_first_refund_and_the_way_out() -> None:
    found = decided(order(), ASK, intent(number=1), intent(number=2), intent(number=3))
    assert codes(found) == [Code.POSSIBLE_DUPLICATE]
    (blocker,) = found.blockers
    assert "5.00 USD" in blocker.message
    assert refund_id(1) in blocker.message
    assert f'repeat_of="{refund_id(1)}"' in blocker.next_step


def test_a_duplicate_later_in_the_history_is_found_too() -> None:
    history = (intent(amount_minor=300, number=1), intent(S.EXPIRED, number=2), intent(number=3))
    assert codes(decided(order(), ASK, *history)) == [Code.POSSIBLE_DUPLICATE]


def items_intent(*numbers: int, amount: int = 1000, state: State = S.SUCCEEDED) -> Intent:
    return intent(state, amount, wanted=of_items(*numbers, reason="before"))


@pytest.mark.parametrize(
    ("asked", "before", "duplicate"),
    [
        # by items, sharing none: no duplicate; sharing one, or not by items: one
        (of_items(1), items_intent(3), False),
        (of_items(1, 2), items_intent(3, 4, amount=2000), False),
        (of_items(1, 2), items_intent(2, amount=2000, state=S.DENIED), True),
        (of_items(1), items_intent(1, state=S.PREPARED), True),
        (of_items(1), intent(amount_minor=1000), True),
        (request(1000), items_intent(3), True),
        (request(), intent(S.PREPARED, 4000), True),
    ],
)
def test_two_requests_by_items_that_share_none_are_no_duplicates(
    asked: Request, before: Intent, duplicate: bool
) -> None:
    four = order(total_minor=4000, items=tuple(item(n) for n in range(1, 5)))
    assert (Code.POSSIBLE_DUPLICATE in codes(decided(four, asked, before))) is duplicate


def test_an_intent_does_not_stand_in_its_own_way() -> None:
    itself = intent(S.PREPARED)
    assert decided(order(), ASK, itself, itself=itself.refund_id).allowed
    other = intent(S.SENDING, 300, number=2)
    found = decided(order(), ASK, itself, other, itself=itself.refund_id)
    assert codes(found) == [Code.REFUND_IN_PROGRESS]
    assert other.refund_id in found.blockers[0].message


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(("after", "later"), [(-1.0, False), (0.0, False), (1.0, True)])
def test_a_request_that_came_later_and_moved_nothing_does_not_keep_the_first_from_being_sent(
    state: State, after: float, later: bool
) -> None:
    itself = intent(S.PREPARED, number=1)
    other = intent(state, number=2, created_at=itself.created_at + after)
    for history in ((itself, other), (other, itself)):
        found = codes(decided(order(), ASK, *history, itself=itself.refund_id))
        moved_nothing = state in (S.PREPARED, S.DENIED)
        stands_against = state in DUPLICATES and not (moved_nothing and later)
        assert (Code.POSSIBLE_DUPLICATE in found) is stands_against


def test_a_later_request_does_not_hide_an_earlier_one() -> None:
    itself = intent(S.PREPARED, number=1)
    later = intent(S.PREPARED, number=2, created_at=itself.created_at + 1)
    earlier = intent(number=3, created_at=itself.created_at - 1)
    found = decided(order(), ASK, itself, later, earlier, itself=itself.refund_id)
    assert codes(found) == [Code.POSSIBLE_DUPLICATE]
    assert refund_id(3) in found.blockers[0].message


def test_one_that_a_person_denied_is_not_to_be_asked_for_again() -> None:
    (blocker,) = decided(order(), ASK, intent(S.DENIED)).blockers
    assert "repeat_of" not in blocker.next_step
    assert "do not ask again" in blocker.next_step


def test_of_several_in_doubt_one_is_named() -> None:
    found = decided(order(), ASK, intent(S.UNKNOWN, 100), intent(S.NEEDS_HUMAN, 200, number=2))
    assert codes(found) == [Code.REFUND_IN_PROGRESS]
    assert refund_id(1) in found.blockers[0].message
    assert "unknown" in found.blockers[0].message


# --- a person -------------------------------------------------------------------------------

ALWAYS = "the owner lets a person approve every refund"
SAME_ELSEWHERE = "a refund of the same amount was made elsewhere"
SETTLED_BEFORE = "an earlier refund of this order had to be settled by a person"
UNLAID = "an earlier refund cannot be laid to an item"
NO_SUM = "the items do not add up to the order's total"


def test_always_asks_a_person_and_never_does_not() -> None:
    assert decided(order(), ASK, policy=Policy()).needs_person == (ALWAYS,)
    assert decided(order(), ASK, policy=Policy(never=True)).needs_person == ()


@pytest.mark.parametrize(
    ("store_shows", "ours_unseen", "amount", "asks"),
    [
        (0, 0, 1000, False),
        (0, 0, 1001, True),
        (600, 0, 400, False),
        (600, 0, 401, True),
        (0, 600, 400, False),
        (0, 600, 401, True),
        (300, 300, 400, False),
        (300, 300, 401, True),
    ],
)
def test_above_counts_all_that_is_refunded_of_the_order_together(
    store_shows: int, ours_unseen: int, amount: int, asks: bool
) -> None:
    shown = (refunded(store_shows),) if store_shows else ()
    history = (intent(amount_minor=ours_unseen),) if ours_unseen else ()
    found = decided(order(*shown), request(amount), *history, policy=Policy(above_minor=1000))
    assert bool(found.needs_person) is asks
    if asks:
        (why,) = found.needs_person
        assert why == "refunds of this order come to 10.01 USD, above the owner's 10.00 USD"


def test_above_zero_asks_for_every_refund_and_stands_above_never() -> None:
    policy = Policy(never=True, above_minor=0)
    assert decided(order(), request(1), policy=policy).needs_person
    nothing = order(refunded(2500))
    assert decided(nothing, request(), policy=Policy(above_minor=2500)).needs_person == ()
    assert decided(nothing, request(), policy=Policy(above_minor=2499)).needs_person
    silent = order(refunds=None, refunded_minor=None)
    assert decided(silent, request(), policy=Policy(above_minor=0)).needs_person == ()


def test_the_same_amount_made_elsewhere_asks_a_person() -> None:
    assert decided(order(refunded(500)), ASK).needs_person == (SAME_ELSEWHERE,)
    assert decided(order(refunded(499)), ASK).needs_person == ()
    # One that is ours, by its id or by its mark, was not made elsewhere.
    by_id = intent(S.REJECTED, store_refund_id="ref_1")
    assert decided(order(refunded(500)), ASK, by_id).needs_person == ()
    marked = refunded(500, reason=f"broken [{refund_id(1)}]")
    assert decided(order(marked), ASK, intent(S.REJECTED)).needs_person == ()
    # A refund without an id is nobody's, also where ours have none yet.
    nameless = refunded(500).model_copy(update={"refund_id": None})
    assert decided(order(nameless), ASK, intent(S.REJECTED)).needs_person == (SAME_ELSEWHERE,)


def test_all_that_is_left_is_measured_against_what_was_made_elsewhere() -> None:
    assert decided(order(refunded(1250)), request()).needs_person == (SAME_ELSEWHERE,)


@pytest.mark.parametrize("state", list(State))
def test_one_that_a_person_had_to_settle_asks_a_person(state: State) -> None:
    found = decided(order(), request(400), intent(state))
    assert (SETTLED_BEFORE in found.needs_person) is (state is S.NOT_APPLIED)


@pytest.mark.parametrize(
    ("shown", "history", "asks"),
    [
        ((), (), False),
        # made elsewhere, or by us for no item in particular
        ((refunded(100),), (), True),
        ((), (intent(amount_minor=100),), True),
        # by us for an item, seen or not; or never made
        ((), (items_intent(2, amount=1500),), False),
        ((refunded(1500, reason=refund_id(1)),), (items_intent(2, amount=1500),), False),
        ((), (intent(S.EXPIRED, 100),), False),
        ((), (intent(S.DENIED, 100),), False),
    ],
)
def test_by_items_an_earlier_refund_of_no_item_asks_a_person(
    shown: tuple[object, ...], history: tuple[Intent, ...], asks: bool
) -> None:
    found = decided(order(*shown, items=ITEMS), of_items(1), *history)  # type: ignore[arg-type]
    assert (UNLAID in found.needs_person) is asks
    assert UNLAID not in decided(order(*shown, items=ITEMS), ASK, *history).needs_person  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "facts", "adds_up"),
    [
        (ITEMS, {}, True),
        (ITEMS, {"subtotal_minor": 2500}, True),
        (ITEMS, {"subtotal_minor": 2400}, False),
        # postage in the total
        (ITEMS, {"subtotal_minor": 2500, "total_minor": 2600}, False),
        ((item(1), item(2, 1499)), {}, False),
        ((item(1), item(2, None)), {"total_minor": 1000}, False),
    ],
)
def test_items_that_do_not_add_up_to_the_total_ask_a_person(
    items: tuple[object, ...], facts: dict[str, int], adds_up: bool
) -> None:
    found = decided(order(items=items, **facts), of_items(1))
    assert found.needs_person == (() if adds_up else (NO_SUM,))
    assert decided(order(items=items, **facts), ASK).needs_person == ()


def test_every_reason_for_a_person_is_told() -> None:
    found = decided(
        order(refunded(1000), items=(item(1),)),
        of_items(1, repeat_of=refund_id(1)),
        intent(S.NOT_APPLIED),
        policy=Policy(),
    )
    assert found.needs_person == (
        ALWAYS,
        f"it repeats {refund_id(1)}",
        SAME_ELSEWHERE,
        SETTLED_BEFORE,
        UNLAID,
        NO_SUM,
    )


# --- who approves -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_by", "signed_in", "another"),
    [
        ("ann", "ben", True),
        ("ann", "ann", False),
        (None, "ben", False),
        ("ann", None, False),
        (None, None, False),
    ],
)
def test_another_person_is_one_who_signed_in_under_another_name(
    asked_by: str | None, signed_in: str | None, another: bool
) -> None:
    assert is_another(asked_by, signed_in) is another
