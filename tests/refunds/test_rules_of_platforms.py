"""What only some platforms have: refunds of one whole line, and cancellations."""

import pytest

from order_skills.errors import Code
from order_skills.orders import Order, StoreRefund
from order_skills.refunds import amounts, cancellation, evidence, whole_lines
from order_skills.refunds.case import Blocker, Case
from order_skills.refunds.intents import COUNTED, Intent, Request, State
from order_skills.stores.paynow import CAPABILITIES as PAYNOW
from order_skills.stores.vesuviopay import CAPABILITIES as VESUVIOPAY
from tests.refunds.facts import intent, item, of_items, order, refunded, request

UNSURE = ("unknown", "disputed")


def lines(
    the_order: Order, asked: Request, *history: Intent, so_far: tuple[Blocker, ...] = ()
) -> list[Blocker]:
    """What stands against it where a store refunds whole lines."""
    case = Case(the_order, asked, history, list(so_far))
    whole_lines.check(case, PAYNOW)
    return case.blockers


def of_lines(count: int, *refunds_of: int, total_minor: int | None = 1000) -> Order:
    """An order of so many lines, of which these were refunded in the store."""
    refunds = [refunded(1000, n, item_id=f"item_{n}") for n in refunds_of]
    held = tuple(item(n, total_minor) for n in range(1, count + 1))
    return order(*refunds, items=held, total_minor=1000 * count)


@pytest.mark.parametrize("state", list(State))
def test_a_line_is_refunded_once_whether_the_store_shows_ours_or_not(state: State) -> None:
    ours = intent(state, 1000, wanted=of_items(1))
    found = lines(of_lines(2), of_items(1), ours)
    assert [b.code for b in found] == ([Code.NOTHING_LEFT] if state in COUNTED else [])
    assert lines(of_lines(2), of_items(2), ours) == []


@pytest.mark.parametrize("state", list(State))
def test_the_whole_order_is_refunded_only_before_any_line_of_it(state: State) -> None:
    ours = intent(state, 1000, wanted=of_items(1))
    found = lines(of_lines(2), request(), ours)
    assert [b.code for b in found] == ([Code.NOT_SUPPORTED] if state in COUNTED else [])


def test_a_line_that_is_gone_is_told_once_and_beside_what_else_stands_against_it() -> None:
    there = of_lines(2, 1)
    told = Blocker(Code.NOTHING_LEFT, "nothing is left", "look")
    other = Blocker(Code.FROZEN, "stopped", "wait")
    assert lines(there, of_items(1), so_far=(told,)) == [told]
    found = lines(there, of_items(1), so_far=(other,))
    assert [b.code for b in found] == [Code.FROZEN, Code.NOTHING_LEFT]


@pytest.mark.parametrize(
    ("status", "gone"),
    [
        (None, True),
        ("created", True),
        ("pending", True),
        ("completed", True),
        ("failed", False),
        ("canceled", False),
    ],
)
def test_a_refund_of_which_the_money_did_not_go_back_leaves_its_line(
    status: str | None, gone: bool
) -> None:
    shown = refunded(1000, 1, item_id="item_1", status=status)
    there = order(shown, items=(item(1), item(2)), total_minor=2000)
    assert [b.code for b in lines(there, of_items(1))] == ([Code.NOTHING_LEFT] if gone else [])
    assert amounts.undone(there.refunds) == (frozenset() if gone else {"ref_1"})


def test_no_more_than_five_lines_are_named() -> None:
    (blocked,) = lines(of_lines(7), request(300))
    assert blocked.next_step.count("item_") == 1 + 5
    assert "full=true" in blocked.next_step


def test_a_line_without_a_total_is_named_as_one() -> None:
    (blocked,) = lines(of_lines(1, total_minor=None), request(300))
    assert "item_1 (no total)" in blocked.next_step


def test_where_no_line_is_left_the_owner_is_asked() -> None:
    (blocked,) = lines(of_lines(2, 1, 2), request(300))
    assert blocked.code is Code.NOT_SUPPORTED
    assert "no line of it is left" in blocked.next_step
    whole = intent(State.SUCCEEDED, 2000, wanted=request())
    (blocked,) = lines(of_lines(2), request(300), whole)
    assert "no line of it is left" in blocked.next_step


@pytest.mark.parametrize("status", UNSURE)
def test_an_order_of_which_nothing_sure_is_known_is_not_cancelled(status: str) -> None:
    case = Case(order(status=status, status_raw="odd"), request(cancels=True), ())
    cancellation.check(case, VESUVIOPAY)
    assert [b.code for b in case.blockers] == [Code.NOT_REFUNDABLE]
    assert f"order status {status}" in case.blockers[0].message


@pytest.mark.parametrize("status", ["pending", "processing", "shipped", "delivered", "cancelled"])
def test_an_order_is_cancelled_in_the_states_that_the_platform_names(status: str) -> None:
    case = Case(order(status=status, status_raw=status), request(cancels=True), ())
    cancellation.check(case, VESUVIOPAY)
    expected = [] if status in VESUVIOPAY.cancellable else [Code.NOT_SUPPORTED]
    assert [b.code for b in case.blockers] == expected


PAID = {
    "pending": Code.NOT_PAID,
    "failed": Code.NOT_PAID,
    "refunded": Code.NOTHING_LEFT,
    "partially_paid": Code.NOT_REFUNDABLE,
    "partially_refunded": Code.NOT_REFUNDABLE,
    "disputed": Code.NOT_REFUNDABLE,
    "unknown": Code.NOT_REFUNDABLE,
    "paid": None,
}


@pytest.mark.parametrize("amount", [None, 0, 2000])
@pytest.mark.parametrize(("paid", "code"), PAID.items())
def test_a_cancellation_gives_back_only_what_was_paid_and_is_there(
    paid: str, code: Code | None, amount: int | None
) -> None:
    there = order(status="pending", payment_status=paid)
    case = Case(there, request(amount, cancels=True), ())
    cancellation.check(case, VESUVIOPAY)
    # Without an amount nothing is given back, so the payment does not matter.
    assert [b.code for b in case.blockers] == ([code] if code and amount else [])


@pytest.mark.parametrize(("amount", "codes"), [(2500, []), (2501, [Code.EXCEEDS_REMAINING])])
def test_a_cancellation_gives_back_no_more_than_the_order_came_to(
    amount: int, codes: list[Code]
) -> None:
    case = Case(order(status="pending"), request(amount, cancels=True), ())
    cancellation.check(case, VESUVIOPAY)
    assert [b.code for b in case.blockers] == codes


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.SUCCEEDED, Code.POSSIBLE_DUPLICATE),
        (State.UNKNOWN, Code.REFUND_IN_PROGRESS),
        (State.NEEDS_HUMAN, Code.REFUND_IN_PROGRESS),
        (State.DENIED, Code.NOT_SUPPORTED),
        (State.NOT_SENT, Code.NOT_SUPPORTED),
    ],
)
def test_an_order_that_is_over_names_our_cancellation_only_where_it_may_have_been_it(
    state: State, code: Code
) -> None:
    """One that was refused or never sent did not end the order: somebody else did."""
    ours = intent(state, 500, wanted=request(500, cancels=True))
    over = order(status="cancelled", status_raw="cancelled")
    case = Case(over, request(100, cancels=True), (ours,))
    cancellation.check(case, VESUVIOPAY)
    (blocker,) = case.blockers
    assert blocker.code is code
    assert (ours.refund_id in blocker.message) is (code is not Code.NOT_SUPPORTED)


NOTHING_BACK = evidence.Made(StoreRefund(amount_minor=0))


@pytest.mark.parametrize(
    ("status", "without", "with_amount"),
    [
        ("unknown", evidence.Unclear(), evidence.Unclear()),
        ("pending", evidence.Absent(), evidence.Absent()),
        ("shipped", evidence.Absent(), evidence.Absent()),
        ("cancelled", NOTHING_BACK, evidence.Unclear()),
        ("refunded", NOTHING_BACK, evidence.Unclear()),
    ],
)
def test_a_cancellation_is_read_back_by_the_order_s_word_and_proves_no_money(
    status: str, without: evidence.Evidence, with_amount: evidence.Evidence
) -> None:
    there = order(status=status, status_raw=status)
    for amount, expected in ((0, without), (500, with_amount)):
        ours = intent(State.UNKNOWN, amount, wanted=request(amount or None, cancels=True))
        assert evidence.read_back(ours, there) == expected


@pytest.mark.parametrize("status", evidence.CANCELLED)
@pytest.mark.parametrize("amount", [0, 500])
def test_the_answer_to_a_cancellation_proves_it_with_what_it_gives_back(
    status: str, amount: int
) -> None:
    ours = intent(State.SENDING, amount, wanted=request(amount or None, cancels=True))
    shown = order(status=status, status_raw=status)
    assert evidence.answered_cancelled(ours, shown) == evidence.Made(
        StoreRefund(amount_minor=amount)
    )
    unchanged = order(status="pending", status_raw="pending")
    assert evidence.answered_cancelled(ours, unchanged) == evidence.Unclear()


LINE_ONE, WHOLE = of_items(1), request()


@pytest.mark.parametrize(
    ("wanted", "amount", "line", "may_be_ours"),
    [
        (LINE_ONE, 1000, "item_1", True),
        (LINE_ONE, 700, "item_1", True),  # whatever the store made of its amount
        (LINE_ONE, 1000, "item_2", False),
        (LINE_ONE, 1000, None, True),
        (LINE_ONE, 700, None, False),
        (WHOLE, 1000, "item_1", True),  # shown line by line
        (WHOLE, 700, "item_1", True),
        (WHOLE, 1000, None, True),
        (WHOLE, 700, None, False),
    ],
)
def test_a_new_refund_that_says_nothing_of_us_may_be_ours_by_its_line_or_its_amount(
    wanted: Request, amount: int, line: str | None, may_be_ours: bool
) -> None:
    ours = intent(State.UNKNOWN, 1000, wanted=wanted)
    there = order(refunded(amount, item_id=line, reason=None))
    expected = evidence.Unclear() if may_be_ours else evidence.Absent()
    assert evidence.read_back(ours, there) == expected
