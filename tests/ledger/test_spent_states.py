"""What a form's answer brought back counts once, at whichever process, and for long enough."""

import threading

import pytest

from order_skills.refunds.spent_states import KEEP_SECONDS, SpentStates
from order_skills.tools.approval import OLDEST_ANSWER_SECONDS

from .backends import Backend, PostgresBackend, opened

STATE = "rr_7f3k2m9a0b 1800000000.0 0123456789abcdef"
DAY = 86_400.0


def test_a_state_is_used_once_by_whichever_process(backend: Backend) -> None:
    with opened(backend) as one, opened(backend) as two:
        assert SpentStates(one.database).spend(STATE) is True
        for ledger in (one, two, one):
            assert SpentStates(ledger.database).spend(STATE) is False
        assert SpentStates(two.database).spend(f"{STATE}0") is True
    with opened(backend) as later:
        assert SpentStates(later.database).spend(STATE) is False


def test_of_many_that_use_it_at_once_one_does(backend: Backend) -> None:
    gate, used = threading.Barrier(6), []

    def use() -> None:
        with opened(backend) as ledger:
            gate.wait()
            used.append(SpentStates(ledger.database).spend(STATE))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(used) == [False] * 5 + [True]


def later(backend: Backend, seconds: float) -> None:
    backend.wait(seconds)
    if isinstance(backend, PostgresBackend):
        backend.run(f"UPDATE spent_state SET expires_at = expires_at - {seconds}")


def test_it_is_remembered_for_longer_than_an_answer_is_taken_and_forgotten_then(
    backend: Backend,
) -> None:
    assert KEEP_SECONDS >= OLDEST_ANSWER_SECONDS + DAY
    with opened(backend) as ledger:
        states = SpentStates(ledger.database)
        states.spend(STATE)
        later(backend, KEEP_SECONDS - 60)
        assert states.spend(STATE) is False
        later(backend, 120)
        states.spend("another")
        assert backend.run("SELECT COUNT(*) FROM spent_state") == [(1,)]


@pytest.mark.parametrize(
    "state",
    ["", "süß 🎈", "\udc80", "x" * 100_000],
    ids=["empty", "letters", "half a letter", "long"],
)
def test_any_text_is_kept_as_a_digest_alone(backend: Backend, state: str) -> None:
    with opened(backend) as ledger:
        assert SpentStates(ledger.database).spend(state) is True
        assert SpentStates(ledger.database).spend(state) is False
        ((digest,),) = backend.run("SELECT digest FROM spent_state")
        assert len(digest) == 64
