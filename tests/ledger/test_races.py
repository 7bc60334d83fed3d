"""Many at once: one claim per order, limits never passed, one intent per request, one end."""

import json
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from order_skills.refunds.intents import COUNTED, Limits, State
from order_skills.refunds.ledger import Change, Claimed, Ledger, LedgerError, OverLimit

from .backends import Backend, opened
from .processes import said, started, tell
from .support import ACCOUNT, claim, claimed, draft, is_told, prepare

THREADS = 8


def at_once(
    backend: Backend, work: Callable[[Ledger, int], object], threads: int = THREADS
) -> list:  # type: ignore[type-arg]
    """Do this in many threads, each with a ledger of its own, from one starting shot."""
    gate, results = threading.Barrier(threads), []

    def run(number: int) -> None:
        with opened(backend) as ledger:
            gate.wait()
            try:
                results.append(work(ledger, number))
            except LedgerError as error:
                results.append(error)

    runners = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return results


def test_of_many_threads_one_claims_an_intent(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger)
    got = at_once(backend, lambda other, n: claim(other, intent, owner=f"p{n}"))
    assert Counter(type(c).__name__ for c in got) == {"Claimed": 1, "Lost": THREADS - 1}
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert found.epoch == 1
    assert is_told(ledger, found)


def test_of_many_refunds_of_an_order_one_is_claimed(ledger: Ledger, backend: Backend) -> None:
    intents = [prepare(ledger, reason=f"reason {n}") for n in range(THREADS)]
    got = at_once(backend, lambda other, n: claim(other, intents[n], owner=f"p{n}"))
    assert Counter(type(c).__name__ for c in got) == {"Claimed": 1, "Busy": THREADS - 1}


def test_the_same_request_at_once_is_one_intent(ledger: Ledger, backend: Backend) -> None:
    got = at_once(backend, lambda other, n: other.find_or_prepare(draft(other)))
    assert len({intent.refund_id for intent, _ in got}) == 1
    assert sum(new for _, new in got) == 1
    assert len(ledger.list()) == 1


def test_a_request_that_starts_anew_at_once_is_one_new_intent(
    ledger: Ledger, backend: Backend
) -> None:
    prepare(ledger, valid_for=-1)
    got = at_once(backend, lambda other, n: other.find_or_prepare(draft(other)))
    assert sum(new for _, new in got) == 1
    assert Counter(i.state for i in ledger.list()) == {State.EXPIRED: 1, State.PREPARED: 1}


@pytest.mark.parametrize(
    ("limits", "fit"),
    [(Limits(daily_refund_minor=1_750), 3), (Limits(daily_refund_count=5), 5)],
)
def test_claims_at_once_never_pass_a_limit(
    ledger: Ledger, backend: Backend, limits: Limits, fit: int
) -> None:
    intents = [prepare(ledger, f"order-{n}") for n in range(THREADS)]
    got = at_once(backend, lambda other, n: claim(other, intents[n], limits=limits))
    assert sum(isinstance(c, Claimed) for c in got) == fit
    assert sum(isinstance(c, OverLimit) for c in got) == THREADS - fit
    assert ledger.spent(ACCOUNT).count == fit


def test_one_end_is_recorded_when_answer_sweep_and_webhook_come_at_once(
    ledger: Ledger, backend: Backend
) -> None:
    intent = claimed(ledger, prepare(ledger))
    ends = (State.SUCCEEDED, State.UNKNOWN, State.REJECTED, State.SUCCEEDED)

    def end(other: Ledger, number: int) -> object:
        change = Change(f"p{number}", "told")
        return other.move(intent.refund_id, ends[number % len(ends)], change, epoch=1)

    at_once(backend, end)
    found = ledger.get(intent.refund_id)
    assert found is not None
    # Whatever came first, evidence of success is what remains.
    assert found.state is State.SUCCEEDED
    assert is_told(ledger, found)
    assert sum(e.after is State.SUCCEEDED for e in ledger.events(intent.refund_id)) == 1


def test_an_intent_is_approved_by_one_of_many(ledger: Ledger, backend: Backend) -> None:
    intent = prepare(ledger)
    got = at_once(backend, lambda other, n: other.approve(intent.refund_id, f"person-{n}"))
    assert sum(found is not None for found in got) == 1


def test_nothing_is_claimed_after_freeze_returned(ledger: Ledger, backend: Backend) -> None:
    intents = [prepare(ledger, f"order-{n}") for n in range(THREADS)]
    seen_after_freeze = []

    def act(other: Ledger, number: int) -> object:
        if number == 0:
            other.freeze("ann")
            seen_after_freeze.append(other.spent(ACCOUNT).count)
            return None
        return claim(other, intents[number])

    at_once(backend, act)
    assert ledger.spent(ACCOUNT).count == seen_after_freeze[0]


def test_one_ledger_serves_many_threads_in_turn(ledger: Ledger) -> None:
    def work(number: int) -> None:
        for n in range(5):
            claimed(ledger, prepare(ledger, f"order-{number}-{n}"))
            ledger.in_doubt([ACCOUNT])

    runners = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert ledger.spent(ACCOUNT).count == 20


@pytest.mark.parametrize("limits", [(None, None, None), (None, 4_000, None)])
def test_three_processes_claim_each_order_once_and_keep_the_limit(
    ledger: Ledger, backend: Backend, limits: tuple[int | None, ...]
) -> None:
    orders, rivals = 12, 3
    intents = [
        [prepare(ledger, f"order-{n}", reason=f"for {rival}") for n in range(orders)]
        for rival in range(rivals)
    ]
    # SQLite's processes run on the real clock, so the intents must be of that time.
    backend.run("UPDATE refund_intent SET expires_at = 4000000000")
    runners = [started("racer.py") for _ in range(rivals)]
    for number, runner in enumerate(runners):
        told = {"ledger": backend.name, "owner": f"rival-{number}", "limits": limits}
        tell(runner, json.dumps(told))
    assert [said(runner) for runner in runners] == ["ready"] * rivals
    for number, runner in enumerate(runners):
        # Each tries the intents of all three, beginning with another one.
        mine = [intents[(number + k) % rivals][n] for n in range(orders) for k in range(rivals)]
        tell(runner, json.dumps([intent.refund_id for intent in mine]))
    results = [json.loads(said(runner)) for runner in runners]
    for runner in runners:
        assert runner.wait() == 0
        runner.communicate()
    words = [word for result in results for word in result.values()]
    fit = orders if limits[1] is None else limits[1] // 500
    assert words.count("Claimed") == fit
    assert set(words) <= {"Claimed", "Busy", "Lost", "OverLimit"}
    counted = [intent for intent in ledger.list() if intent.state in COUNTED]
    assert len({intent.request.order_id for intent in counted}) == len(counted) == fit
