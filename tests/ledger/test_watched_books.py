"""A ledger that is listened to tells each move once it is durable, and is the same ledger."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from order_skills.observing.books import watched
from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Ledger

from .backends import SqliteBackend
from .support import ACCOUNT, DAY, PATHS, brought_to, claim, draft, prepare


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.moves: Counter[State] = Counter()
        self.alarms = 0

    def moved(self, state: State, times: int = 1) -> None:
        self.moves[state] += times

    def alarmed(self) -> None:
        self.alarms += 1


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def books(sqlite: SqliteBackend, heard: Heard) -> Iterator[Ledger]:
    with closing(watched(sqlite.open(), heard)) as ledger:
        yield ledger


@pytest.mark.parametrize("state", PATHS)
def test_each_move_is_told_once(books: Ledger, heard: Heard, state: State) -> None:
    brought_to(books, state)
    assert heard.moves == Counter([State.PREPARED, *PATHS[state]])


def test_what_was_refused_is_not_told(books: Ledger, heard: Heard) -> None:
    intent = brought_to(books, State.DENIED)
    told = heard.moves.copy()
    claim(books, intent)
    assert books.move(intent.refund_id, State.SUCCEEDED, Change("t", "w"), epoch=7) is None
    again, new = books.find_or_prepare(draft(books))
    assert (again.refund_id, new) == (intent.refund_id, False)
    assert heard.moves == told


def test_all_that_expire_at_once_are_told(
    books: Ledger, heard: Heard, sqlite: SqliteBackend
) -> None:
    for number in range(3):
        prepare(books, f"order-{number}")
    sqlite.wait(2 * DAY)
    assert books.expire() == 3
    assert books.expire() == 0
    assert heard.moves[State.EXPIRED] == 3


def test_an_alarm_is_told_however_it_was_written(books: Ledger, heard: Heard) -> None:
    alarm = Change("t", "w", alarm="made twice")
    intent = brought_to(books, State.SUCCEEDED)
    books.warn(intent.refund_id, alarm)
    books.warn(intent.refund_id, Change("t", "w", settlement="completed"))
    late = brought_to(books, State.REJECTED, "order-2")
    books.move(late.refund_id, State.SUCCEEDED, alarm)
    assert heard.alarms == 2
    assert [found.refund_id for found in books.list((ACCOUNT,), (State.SUCCEEDED,))]


def test_a_refund_that_was_taken_over_is_told(books: Ledger, heard: Heard) -> None:
    lost = replace(draft(books), state=State.SUCCEEDED)
    assert books.adopt(lost, Change("reconcile", "found")) is True
    assert books.adopt(lost, Change("reconcile", "found")) is False
    assert heard.moves == Counter([State.SUCCEEDED])
