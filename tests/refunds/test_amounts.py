"""How much a refund comes to and how much is left, as tables and as properties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.errors import Code
from order_skills.orders import Item, Order, StoreRefund
from order_skills.refunds.amounts import markers, remaining_minor, unseen_minor
from order_skills.refunds.intents import COUNTED, Intent, Request, State
from tests.refunds.facts import (
    codes,
    decided,
    intent,
    item,
    of_items,
    order,
    refund_id,
    refunded,
    request,
)

S = State
MINE = refund_id(1)
steady = settings(derandomize=True, deadline=None, max_examples=300)


def marked(amount_minor: int, number: int = 1, shown_as: int = 1) -> StoreRefund:
    """A refund that the store shows with our marker."""
    return refunded(amount_minor, shown_as, reason=f"broken [{refund_id(number)}]")


# --- what is left ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_what_the_store_does_not_show_yet_is_not_left(state: State) -> None:
    found = remaining_minor(order(), (intent(state),))
    assert found == (2000 if state in COUNTED else 2500)


@pytest.mark.parametrize(
    ("shown", "history", "left"),
    [
        ((), (), 2500),
        ((refunded(500),), (), 2000),
        # ours and shown, by its mark or by its id: counted once
        ((marked(500),), (intent(),), 2000),
        ((refunded(500),), (intent(store_refund_id="ref_1"),), 2000),
        # the store is right about the amount of what it shows
        ((marked(600),), (intent(),), 1900),
        # ours and not shown, beside one that is
        ((refunded(500),), (intent(),), 1500),
        ((refunded(500),), (intent(store_refund_id="ref_2"),), 1500),
        ((marked(500, 2),), (intent(), intent(number=2)), 1500),
        # two of ours unseen
        ((), (intent(), intent(S.UNKNOWN, 300, number=2)), 1700),
        # never below zero
        ((), (intent(amount_minor=9000),), 0),
        ((refunded(2000),), (intent(amount_minor=501),), 0),
    ],
)
def test_what_is_left_counts_each_refund_once(
    shown: tuple[StoreRefund, ...], history: tuple[Intent, ...], left: int
) -> None:
    assert remaining_minor(order(*shown), history) == left
    assert decided(order(*shown), request(1), *history).remaining_minor == left


def test_refunds_without_ids_hide_none_of_ours() -> None:
    nameless = refunded(500).model_copy(update={"refund_id": None})
    assert unseen_minor(order(nameless), (intent(),)) == 500


def test_what_is_left_cannot_be_said_where_the_store_does_not_say_what_was_refunded() -> None:
    assert remaining_minor(order(refunds=None, refunded_minor=None), (intent(),)) is None
    # The sum alone is enough, where no list comes with it.
    assert remaining_minor(order(refunds=None, refunded_minor=500), (intent(),)) == 1500


# --- markers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason",
    [
        f"broken [{MINE}]",
        f"[{MINE}]",
        f"broken [{MINE.upper()}]",
        f"broken &#91;{MINE}&#93;",
        f"broken {MINE}",
        f"{MINE} {MINE}",
        f"broken\n[{MINE}]\n",
    ],
)
def test_a_marker_is_found_however_the_store_shows_it(reason: str) -> None:
    refund = refunded(500, reason=reason)
    assert markers([refund]) == {MINE: [refund]}


@pytest.mark.parametrize(
    "reason",
    [
        None,
        "",
        "broken",
        f"broken [{MINE[:-1]}",
        f"broken [{MINE}1]",
        f"brokenrr{MINE}",
        f"x{MINE}",
        "rr_ÀÀÀÀÀÀÀÀÀÀ",
        "rr-0000000001",
    ],
)
def test_what_only_looks_like_a_marker_is_none(reason: str | None) -> None:
    assert markers([refunded(500, reason=reason)]) == {}


def test_markers_are_gathered_by_refund() -> None:
    both = refunded(1, 3, reason=f"{refund_id(1)} {refund_id(2)}")
    one, again = marked(500), marked(500, shown_as=2)
    found = markers([one, again, both, refunded(7, 4)])
    assert found == {refund_id(1): [one, again, both], refund_id(2): [both]}
    assert markers(None) == {}


# --- by amount, and all that is left --------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "found"),
    [
        (1, []),
        (2000, []),
        (2001, [Code.EXCEEDS_REMAINING]),
        (2**63, [Code.EXCEEDS_REMAINING]),
        (0, [Code.NOTHING_LEFT]),
        (-1, [Code.NOTHING_LEFT]),
    ],
)
def test_an_amount_may_be_all_that_is_left_and_no_more(amount: int, found: list[Code]) -> None:
    decision = decided(order(refunded(500)), request(amount))
    assert codes(decision) == found
    assert decision.amount_minor == amount


def test_too_much_is_refused_with_what_is_left() -> None:
    blocker = decided(order(refunded(500)), request(2001)).blockers[0]
    assert blocker.message == (
        "asked 20.01 USD, 20.00 USD is left of order ord_1 (1 earlier refund)"
    )
    assert 'check_refund(order_id="ord_1")' in blocker.next_step


def test_all_that_is_left_is_just_that() -> None:
    assert decided(order(), request()).amount_minor == 2500
    assert decided(order(refunded(700)), request()).amount_minor == 1800
    found = decided(order(), request(), intent(amount_minor=700))
    assert (found.amount_minor, found.remaining_minor) == (1800, 1800)


def test_of_nothing_left_there_is_no_amount() -> None:
    taken = intent(amount_minor=2500)
    for asked, amount in ((request(), None), (request(1), 1)):
        found = decided(order(), asked, taken)
        assert codes(found) == [Code.NOTHING_LEFT]
        assert (found.amount_minor, found.remaining_minor) == (amount, 0)


@pytest.mark.parametrize(
    ("currency", "total", "asked", "left"),
    [
        ("JPY", "2500 JPY", "2501 JPY", 2500),
        ("USD", "25.00 USD", "25.01 USD", 2500),
        ("KWD", "2.500 KWD", "2.501 KWD", 2500),
    ],
)
def test_amounts_stay_in_minor_units_in_every_currency(
    currency: str, total: str, asked: str, left: int
) -> None:
    found = decided(order(currency=currency), request(left + 1))
    assert codes(found) == [Code.EXCEEDS_REMAINING]
    assert found.blockers[0].message.startswith(f"asked {asked}, {total} is left")
    assert (found.currency, found.amount_minor, found.remaining_minor) == (currency, 2501, 2500)


# --- by items -------------------------------------------------------------------------------

THREE = item(1, 900, quantity=3, unit_price_minor=300)
TWO_ITEMS = (item(1), item(2, 1500))


def of(*items: Item, **facts: object) -> Order:
    return order(items=items, **facts)


@pytest.mark.parametrize(
    ("asked", "amount"),
    [
        (of_items(1), 1000),
        (of_items(2), 1500),
        (of_items(1, 2), 2500),
        (of_items(2, 1), 2500),
        (of_items(1, 1), 1000),
    ],
)
def test_items_come_to_their_totals(asked: Request, amount: int) -> None:
    found = decided(of(*TWO_ITEMS), asked)
    assert (found.amount_minor, codes(found)) == (amount, [])


@pytest.mark.parametrize(
    ("asked", "items", "code"),
    [
        (of_items(3), TWO_ITEMS, Code.ITEM_NOT_FOUND),
        (of_items(1, 3), TWO_ITEMS, Code.ITEM_NOT_FOUND),
        (of_items(3, 1), TWO_ITEMS, Code.ITEM_NOT_FOUND),
        (of_items(1), (item(1, None),), Code.NOT_REFUNDABLE),
        (of_items(1), (item(1, 0), item(2)), Code.NOTHING_LEFT),
        (of_items(1, quantity=4), (THREE,), Code.INVALID_ARGUMENT),
        (of_items(1, quantity=1), (item(1, 900),), Code.INVALID_ARGUMENT),
        (of_items(1, quantity=1), (item(1, 1000, quantity=3),), Code.NOT_REFUNDABLE),
        (of_items(1, quantity=3), (item(1, 1000, quantity=3),), Code.NOT_REFUNDABLE),
    ],
)
def test_items_that_come_to_no_amount_say_why(
    asked: Request, items: tuple[Item, ...], code: Code
) -> None:
    found = decided(of(*items), asked)
    assert (found.amount_minor, codes(found)) == (None, [code])


def test_an_order_without_items_has_none_of_them() -> None:
    assert codes(decided(order(items=None), of_items(1))) == [Code.ITEM_NOT_FOUND]


@pytest.mark.parametrize(("pieces", "amount"), [(1, 300), (2, 600), (3, 900), (None, 900)])
def test_pieces_come_to_their_share(pieces: int | None, amount: int) -> None:
    found = decided(of(THREE, total_minor=900), of_items(1, quantity=pieces))
    assert (found.amount_minor, codes(found)) == (amount, [])


@pytest.mark.parametrize(
    ("pieces", "bought", "told", "mended"),
    [
        (4, 3, "quantity 4 is more than the 3 pieces of item item_1", "quantity is 1 to 3"),
        (0, 3, "quantity 0 is not one of the 3 pieces of item item_1", "quantity is 1 to 3"),
        (-1, 3, "quantity -1 is not one of the 3 pieces of item item_1", "quantity is 1 to 3"),
        (0, 0, "quantity 0 is not one of the 0 pieces of item item_1", "quantity is 1 to 0"),
        (1, 0, "quantity 1 is more than the 0 pieces of item item_1", "quantity is 1 to 0"),
        (
            1,
            None,
            "the store does not say how many pieces there are of item item_1",
            "amount_minor",
        ),
    ],
)
def test_pieces_that_were_not_bought_are_refused_with_how_many_were(
    pieces: int, bought: int | None, told: str, mended: str
) -> None:
    found = decided(of(item(1, 900, quantity=bought)), of_items(1, quantity=pieces))
    assert codes(found) == [Code.INVALID_ARGUMENT]
    assert found.blockers[0].message == told
    assert mended in found.blockers[0].next_step


def by_items(
    *numbers: int, amount: int, state: State = S.SUCCEEDED, quantity: int | None = None
) -> Intent:
    wanted = of_items(*numbers, quantity=quantity, reason="before")
    return intent(state, amount, wanted=wanted, store_refund_id="ref_1")


@pytest.mark.parametrize(
    ("before", "asked", "amount", "found"),
    [
        # one piece before: what is left of the item, or as many pieces as are left
        (by_items(1, amount=300, quantity=1), of_items(1), 600, []),
        (by_items(1, amount=300, quantity=1), of_items(1, quantity=2), 600, []),
        (
            by_items(1, amount=300, quantity=1),
            of_items(1, quantity=3),
            900,
            [Code.EXCEEDS_REMAINING],
        ),
        # all of it before
        (by_items(1, amount=900), of_items(1), None, [Code.NOTHING_LEFT]),
        (by_items(1, amount=900), of_items(1, 2), None, [Code.NOTHING_LEFT]),
        # with another item before: both were refunded to their end
        (by_items(1, 2, amount=1600), of_items(1), None, [Code.NOTHING_LEFT]),
        (by_items(2, amount=1600), of_items(1), 900, []),
        # never made
        (by_items(1, amount=900, state=S.REJECTED), of_items(1), 900, []),
        (by_items(1, amount=900, state=S.NOT_APPLIED), of_items(1), 900, []),
    ],
)
def test_an_item_is_refunded_once_by_us(
    before: Intent, asked: Request, amount: int | None, found: list[Code]
) -> None:
    shown = (refunded(before.amount_minor),) if before.state is S.SUCCEEDED else ()
    decision = decided(order(*shown, items=(THREE, item(2, 1600))), asked, before)
    assert (decision.amount_minor, codes(decision)) == (amount, found)


def test_two_refunds_of_one_item_add_up() -> None:
    before = [
        intent(
            amount_minor=300, number=n, wanted=of_items(1, quantity=1), store_refund_id=f"ref_{n}"
        )
        for n in (1, 2)
    ]
    shown = (refunded(300, 1), refunded(300, 2))
    found = decided(
        order(*shown, items=(THREE,), total_minor=900), of_items(1, repeat_of=refund_id(1)), *before
    )
    assert (found.amount_minor, codes(found)) == (300, [])


def test_items_never_come_to_more_than_is_left_of_the_order() -> None:
    found = decided(order(refunded(2000), items=TWO_ITEMS), of_items(1))
    assert (found.amount_minor, codes(found)) == (1000, [Code.EXCEEDS_REMAINING])


# --- properties -----------------------------------------------------------------------------

small = st.integers(min_value=1, max_value=6)


@st.composite
def refunds_and_history(draw: st.DrawFn) -> tuple[tuple[StoreRefund, ...], tuple[Intent, ...]]:
    """What a store shows, and intents of ours: some shown by mark or id, some not."""
    shown = []
    for number in range(draw(st.integers(0, 3))):
        mark = draw(st.sampled_from([None, "", f"[{refund_id(1)}]", f"[{refund_id(2)}]"]))
        shown.append(refunded(draw(small), number, reason=mark))
    history = [
        intent(
            draw(st.sampled_from(list(State))),
            draw(small),
            number=number,
            wanted=draw(wishes()),
            store_refund_id=draw(st.sampled_from([None, f"ref_{number}"])),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return tuple(shown), tuple(history)


@st.composite
def wishes(draw: st.DrawFn) -> Request:
    """A request in any form."""
    form = draw(st.sampled_from(["amount", "items", "pieces", "full"]))
    if form == "amount":
        return request(draw(st.integers(-1, 12)))
    if form == "full":
        return request()
    if form == "pieces":
        return of_items(draw(st.integers(1, 3)), quantity=draw(st.integers(-1, 4)))
    return of_items(*draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))


ITEMS = (item(1, 4, quantity=2), item(2, 3, quantity=3), item(3, 3, quantity=2))


def priced(shown: tuple[StoreRefund, ...]) -> Order:
    return order(*shown, items=ITEMS, total_minor=10)


@steady
@given(refunds_and_history(), wishes())
def test_an_allowed_amount_is_positive_and_never_more_than_what_is_left(
    facts: tuple[tuple[StoreRefund, ...], tuple[Intent, ...]], asked: Request
) -> None:
    shown, history = facts
    found = decided(priced(shown), asked, *history)
    if found.allowed:
        assert found.amount_minor is not None
        assert found.remaining_minor is not None
        made = sum(refund.amount_minor for refund in shown)
        assert 0 < found.amount_minor <= found.remaining_minor <= 10 - made


@steady
@given(refunds_and_history(), wishes(), st.sampled_from(list(State)), small)
def test_more_history_never_leaves_more(
    facts: tuple[tuple[StoreRefund, ...], tuple[Intent, ...]],
    asked: Request,
    state: State,
    amount: int,
) -> None:
    shown, history = facts
    more = (*history, intent(state, amount, number=8))
    less_left = remaining_minor(priced(shown), more)
    assert less_left is not None
    assert less_left <= (remaining_minor(priced(shown), history) or 0)
    before, after = (decided(priced(shown), asked, *known) for known in (history, more))
    if asked.amount_minor is not None:
        # A stated amount: whatever was forbidden stays forbidden.
        assert before.allowed or not after.allowed
    elif after.amount_minor is not None and before.amount_minor is not None:
        assert after.amount_minor <= before.amount_minor


@steady
@given(refunds_and_history(), wishes(), st.sampled_from(list(State)))
def test_one_refund_at_a_time_and_no_equal_one_in_doubt_or_made(
    facts: tuple[tuple[StoreRefund, ...], tuple[Intent, ...]], asked: Request, state: State
) -> None:
    shown, history = facts
    found = decided(priced(shown), asked, *history, intent(state, 5, number=8))
    if found.allowed:
        assert state not in (S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN)
        assert all(i.state not in (S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN) for i in history)
        if found.amount_minor == 5 and asked.item_ids is None:
            assert state not in COUNTED


@steady
@given(refunds_and_history(), wishes())
def test_the_order_of_the_history_decides_nothing(
    facts: tuple[tuple[StoreRefund, ...], tuple[Intent, ...]], asked: Request
) -> None:
    shown, history = facts
    one, other = (decided(priced(shown), asked, *h) for h in (history, history[::-1]))
    assert codes(one) == codes(other)
    assert (one.amount_minor, one.remaining_minor) == (other.amount_minor, other.remaining_minor)
    assert one.needs_person == other.needs_person
