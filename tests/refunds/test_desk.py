"""The desk through its front door, over the embedded store: asking, approving, answering."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from order_skills.errors import AgentError, Code, Refusal, StoreError
from order_skills.orders import Order
from order_skills.refunds.desk import Desk
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.sandbox import Sandbox
from order_skills.stores.base import SentRefund
from order_skills.stores.clawver import Clawver
from tests.refunds.stage import (
    NO_RETRY,
    ORDER,
    PERSON,
    REASON,
    Between,
    Stage,
    order,
    request,
    shop,
)
from tests.refunds.virtual import inline, run_virtually

S = State
DAY = 86_400.0


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def refused(call: object) -> AgentError:
    """The error of a call that may not be."""
    with pytest.raises(AgentError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def waiting(stage: Stage, desk: Desk, amount_minor: int = 500, **facts: object) -> Intent:
    """A refund that waits for a person."""
    handled = await desk.refund(stage.store, request(amount_minor, **facts))
    assert handled.intent.state is S.PREPARED
    assert not handled.already_done
    assert handled.order is not None
    return handled.intent


# --- asking ---------------------------------------------------------------------------------


async def test_a_refund_that_needs_nobody_is_made_at_once(stage: Stage) -> None:
    async with stage.desk() as desk:
        handled = await desk.refund(stage.store, request())
    made = stage.box.shop.orders[ORDER].refunds[0]
    assert handled.intent.state is S.SUCCEEDED
    assert not handled.already_done
    assert handled.order is not None
    assert handled.order.remaining_minor == 2000
    assert handled.intent.store_refund_id == made.id
    assert handled.intent.processor_id == made.processor_id
    assert made.reason == f"{REASON} {handled.intent.marker}"
    assert stage.posts == 1
    assert stage.audit() == (handled.intent,)
    told = [(e.before, e.after) for e in stage.events(handled.intent.refund_id)]
    assert told == [(None, S.PREPARED), (S.PREPARED, S.SENDING), (S.SENDING, S.SUCCEEDED)]


@pytest.mark.parametrize(
    ("asked", "amount"),
    [
        (request(2500), 2500),
        (request(None), 2500),
        (request(None, item_ids=("ord_a_1",)), 1000),
        (request(None, item_ids=("ord_a_2",), quantity=2), 1000),
        (request(None, item_ids=("ord_a_2", "ord_a_1")), 2500),
    ],
)
async def test_what_was_asked_for_is_what_the_store_is_told(
    stage: Stage, asked: object, amount: int
) -> None:
    async with stage.desk() as desk:
        handled = await desk.refund(stage.store, asked)  # type: ignore[arg-type]
    assert handled.intent.amount_minor == amount
    assert [r.body["amountInCents"] for r in stage.box.requests if r.method == "POST"] == [amount]
    stage.audit()


async def test_the_same_request_again_is_the_same_refund_from_any_process(stage: Stage) -> None:
    async with stage.desk() as desk, stage.desk() as other:
        first = await desk.refund(stage.store, request())
        for each in (desk, other, desk):
            again = await each.refund(stage.store, request())
            assert again.already_done
            assert again.intent == first.intent
    async with stage.desk() as later:
        stage.clock.now += 400 * DAY
        assert (await later.refund(stage.store, request())).intent == first.intent
    assert stage.posts == 1
    stage.audit()


@pytest.mark.parametrize("waits", [False, True])
async def test_asked_a_hundred_times_at_once_it_is_one_refund(stage: Stage, waits: bool) -> None:
    policy = {"approval": "always"} if waits else {}
    async with stage.desk(**policy) as desk, stage.desk(**policy) as other:
        handled = await asyncio.gather(
            *(each.refund(stage.store, request()) for each in (desk, other) for _ in range(50))
        )
    assert len({h.intent.refund_id for h in handled}) == 1
    assert {h.intent.state for h in handled} == {S.PREPARED if waits else S.SUCCEEDED}
    assert sum(not h.already_done for h in handled) == 1
    assert stage.posts == (0 if waits else 1)
    assert len(stage.audit()) == 1


@pytest.mark.parametrize(
    "asked",
    [
        request(reason="it came broken"),
        request(reason=f"{REASON}."),
        request(item_ids=None, order_id=ORDER, reason="x"),
    ],
)
async def test_the_same_amount_in_other_words_is_refused(stage: Stage, asked: object) -> None:
    async with stage.desk() as desk:
        first = (await desk.refund(stage.store, request())).intent
        error = await refused(desk.refund(stage.store, asked))  # type: ignore[arg-type]
        assert error.code is Code.POSSIBLE_DUPLICATE
        assert first.refund_id in error.message
        # On purpose, a person always approves.
        again = await waiting(stage, desk, reason="once more", repeat_of=first.refund_id)
        assert again.needs_person == (f"it repeats {first.refund_id}", *again.needs_person[1:])
        done = await desk.approve(again.refund_id, PERSON)
    assert done.intent.state is S.SUCCEEDED
    assert stage.refunded() == 1000
    assert stage.posts == 2
    stage.audit()


@pytest.mark.parametrize("elsewhere", ["another order", "nowhere"])
async def test_what_it_repeats_must_be_a_refund_of_the_order(stage: Stage, elsewhere: str) -> None:
    async with stage.desk() as desk:
        other = (await desk.refund(stage.store, request(order_id="ord_b"))).intent
        named = other.refund_id if elsewhere == "another order" else "rr_0000000000"
        error = await refused(desk.refund(stage.store, request(repeat_of=named)))
    assert error.code is Code.REFUND_NOT_FOUND
    assert stage.refunded() == 0
    assert len(stage.audit()) == 1


@pytest.mark.parametrize(
    ("order_id", "facts", "code"),
    [
        ("ord_z", {}, Code.ORDER_NOT_FOUND),
        ("ord_unpaid", {}, Code.NOT_PAID),
        ("ord_failed", {}, Code.NOT_PAID),
        ("ord_done", {}, Code.NOTHING_LEFT),
        ("ord_old", {}, Code.NOT_REFUNDABLE),
        ("ord_a", {"amount_minor": 2501}, Code.EXCEEDS_REMAINING),
        ("ord_a", {"amount_minor": None, "item_ids": ("ord_b_1",)}, Code.ITEM_NOT_FOUND),
    ],
)
async def test_what_may_not_be_is_refused_before_anything_is_written_or_sent(
    tmp_path: Path, order_id: str, facts: dict[str, object], code: Code
) -> None:
    full = [{"amount_minor": 2500, "reason": "by hand", "hours_ago": 1}]
    data = shop(
        order("ord_a"),
        order("ord_b"),
        order("ord_unpaid", status="pending"),
        order("ord_failed", status="pending", payment="failed"),
        order("ord_done", refunds=full),
        order("ord_old", status="shipped", era="old"),
    )
    stage = Stage(tmp_path, box=Sandbox(era="mixed", data=data))
    async with stage.desk() as desk:
        error = await refused(desk.refund(stage.store, request(**{"order_id": order_id} | facts)))  # type: ignore[arg-type]
    assert error.code is code
    assert stage.posts == 0
    assert stage.audit() == ()


async def test_a_store_that_cannot_be_read_leaves_nothing_behind(stage: Stage) -> None:
    stage.fault("status", method="GET", code=503, headers=NO_RETRY)
    async with stage.desk() as desk:
        error = await refused(desk.refund(stage.store, request()))
        assert error.code is Code.STORE_UNAVAILABLE
        assert stage.audit() == ()
        assert (await desk.refund(stage.store, request())).intent.state is S.SUCCEEDED
    stage.audit()


# --- not sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("2", 2),
        ("0", 1),
        ("1000000000", 300),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("-1", 5),
        ("soon", 5),
        (["2", "9"], 5),
        (None, 5),
    ],
)
async def test_a_store_that_asks_to_wait_is_not_asked_again_by_us(
    stage: Stage, retry_after: object, seconds: int
) -> None:
    stage.fault("rate_limited", method="POST", retry_after=retry_after)
    async with stage.desk() as desk:
        error = await refused(desk.refund(stage.store, request()))
        assert error.code is Code.STORE_RATE_LIMITED
        assert f"asks to wait {seconds} s" in error.message
        (intent,) = stage.audit()
        assert intent.state is S.NOT_SENT
        assert stage.posts == 1
        for wait in (2, 60, 900, DAY):
            stage.clock.now += wait
            await desk.round()
        assert stage.posts == 1
        # The agent may ask again; that is another refund.
        again = (await desk.refund(stage.store, request())).intent
    assert again.state is S.SUCCEEDED
    assert again.refund_id != intent.refund_id
    assert stage.posts == 2
    assert len(stage.audit()) == 2


async def test_a_store_that_asks_to_wait_for_ever_holds_no_order(stage: Stage) -> None:
    stage.fault("rate_limited", method="POST", times=None, retry_after="300")
    async with stage.desk() as desk:
        for count in range(1, 4):
            error = await refused(desk.refund(stage.store, request()))
            assert error.code is Code.STORE_RATE_LIMITED
            assert stage.posts == count
        assert {intent.state for intent in stage.audit()} == {S.NOT_SENT}
        stage.box.faults.clear()
        assert (await desk.refund(stage.store, request())).intent.state is S.SUCCEEDED
    stage.audit()


class Unreachable(Between):
    """Answers reading requests; for a refund nobody is there."""

    def __init__(self, store: Clawver, nowhere: Clawver) -> None:
        super().__init__(store)
        self._nowhere = nowhere

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        return await self._nowhere.refund(order_id, amount_minor, reason, item_id)


async def test_a_store_that_cannot_be_reached_was_sent_nothing(stage: Stage) -> None:
    with socket.socket() as taken:
        # Bound and not listening: whoever connects is refused, and nobody else takes the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        store = Unreachable(stage.store, Clawver("clawver", stage.box.api_key, url=url))
        await not_reached(stage, store)


async def not_reached(stage: Stage, store: Unreachable) -> None:
    async with stage.desk(store) as desk:
        error = await refused(desk.refund(store, request()))
    assert error.code is Code.STORE_UNAVAILABLE
    assert "was not sent" in error.message
    (intent,) = stage.audit()
    assert intent.state is S.NOT_SENT
    assert stage.posts == 0
    async with stage.desk() as desk:
        assert (await desk.refund(stage.store, request())).intent.state is S.SUCCEEDED
    stage.audit()


# --- a slow store ---------------------------------------------------------------------------


def test_a_store_that_never_answers_is_given_up_before_the_host_does(stage: Stage) -> None:
    async def main() -> Handled:
        stage.fault("no_answer", method="POST", applied=True)
        loop = asyncio.get_running_loop()
        async with stage.desk(call_ledger=inline) as desk:
            began = loop.time()
            handled = await desk.refund(stage.store, request())
            assert 40 < loop.time() - began < 50
            assert handled.intent.state is S.UNKNOWN
            stage.clock.now += 2
            return await desk.get(handled.intent.refund_id)

    found = run_virtually(main())
    assert found.intent.state is S.SUCCEEDED
    assert found.already_done
    assert stage.posts == 1
    stage.audit()


def test_an_answer_that_comes_too_late_is_found_by_reading_back(stage: Stage) -> None:
    async def main() -> tuple[Intent, Intent]:
        held = stage.fault("hold", method="POST")
        async with stage.desk(call_ledger=inline) as desk:
            lost = (await desk.refund(stage.store, request())).intent
            assert stage.refunded() == 0
            stage.clock.now += 2
            await desk.round()
            still = stage.get(lost.refund_id)
            # What a proxy held for ten minutes arrives after all.
            stage.made_elsewhere(500, f"{REASON} {lost.marker}")
            held.release()
            stage.clock.now += 600
            await desk.round()
            return still, stage.get(lost.refund_id)

    still, found = run_virtually(main())
    assert still.state is S.UNKNOWN
    assert found.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


async def test_while_it_is_sent_others_are_told_so_or_wait_for_its_end(stage: Stage) -> None:
    held = stage.fault("hold", method="POST")
    async with stage.desk() as desk, stage.desk() as other:
        first = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (sending,) = stage.audit()
        assert sending.state is S.SENDING
        # Another process cannot wait for it; the same process can.
        for told in (
            await other.refund(stage.store, request()),
            await other.get(sending.refund_id),
        ):
            assert told.intent.state is S.SENDING
            assert told.already_done
        joined = asyncio.create_task(desk.refund(stage.store, request()))
        asked = asyncio.create_task(desk.get(sending.refund_id))
        error = await refused(desk.refund(stage.store, request(400)))
        assert error.code is Code.REFUND_IN_PROGRESS
        error = await refused(other.refund(stage.store, request(400)))
        assert error.code is Code.REFUND_IN_PROGRESS
        held.release()
        for task, again in ((first, False), (joined, True), (asked, True)):
            handled = await task
            assert handled.intent.state is S.SUCCEEDED
            assert handled.already_done is again
    assert stage.posts == 1
    stage.audit()


# --- approving ------------------------------------------------------------------------------


async def test_nothing_is_sent_before_a_person_approves_and_then_once(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
        assert intent.needs_person == ("the owner lets a person approve every refund",)
        again = await desk.refund(stage.store, request())
        assert (again.intent.refund_id, again.already_done) == (intent.refund_id, True)
        await desk.round()
        assert stage.posts == 0
        done = await desk.approve(intent.refund_id, PERSON)
        assert done.intent.state is S.SUCCEEDED
        assert done.intent.approved_by == PERSON
        assert not done.already_done
        twice = await desk.approve(intent.refund_id, PERSON)
        assert twice.already_done
        assert twice.intent.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


async def test_an_approval_by_ten_at_once_sends_once(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk, stage.desk(approval="always") as other:
        intent = await waiting(stage, desk)
        handled = await asyncio.gather(
            *(each.approve(intent.refund_id, PERSON) for each in (desk, other) for _ in range(5))
        )
    assert {h.intent.refund_id for h in handled} == {intent.refund_id}
    assert stage.get(intent.refund_id).state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


async def test_a_person_who_says_no_ends_it_for_every_wording(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
        denied = await desk.deny(intent.refund_id, PERSON)
        assert denied is not None
        assert denied.state is S.DENIED
        assert await desk.deny(intent.refund_id, PERSON) is None
        for told in (
            await desk.refund(stage.store, request()),
            await desk.approve(intent.refund_id, PERSON),
        ):
            assert told.intent.state is S.DENIED
            assert told.already_done
        error = await refused(desk.refund(stage.store, request(reason="please")))
        assert error.code is Code.POSSIBLE_DUPLICATE
        assert await desk.deny("rr_0000000000", PERSON) is None
    assert stage.posts == 0
    stage.audit()


async def test_an_approval_that_was_given_elsewhere_is_sent_by_a_live_process(
    stage: Stage,
) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
        with closing(stage.open_ledger()) as command:
            assert command.approve(intent.refund_id, PERSON) is not None
        await desk.round()
    assert stage.get(intent.refund_id).state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


def test_the_background_sends_within_five_seconds_and_settles(stage: Stage) -> None:
    async def main() -> Intent:
        async with stage.desk(approval="always", call_ledger=inline) as desk:
            desk.start()
            desk.start()
            intent = await waiting(stage, desk)
            stage.fault("reset_after", method="POST")
            with closing(stage.open_ledger()) as command:
                assert command.approve(intent.refund_id, PERSON) is not None
            await asyncio.sleep(5)
            assert stage.get(intent.refund_id).state is S.UNKNOWN
            stage.clock.now += 2
            await asyncio.sleep(5)
            return stage.get(intent.refund_id)

    assert run_virtually(main()).state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


def test_a_store_that_hangs_keeps_no_other_approval_and_no_settling_waiting(stage: Stage) -> None:
    async def main() -> None:
        async with stage.desk(approval="always", call_ledger=inline) as desk:
            asked = [await waiting(stage, desk, order_id=f"ord_{n}") for n in "abc"]
            stage.fault("no_answer", method="GET", path="/v1/orders/ord_a", times=None)
            stage.fault("no_answer", method="POST", path="/v1/orders/ord_b", times=None)
            desk.start()
            with closing(stage.open_ledger()) as command:
                for intent in asked[:2]:
                    assert command.approve(intent.refund_id, PERSON) is not None
                await asyncio.sleep(10)
                assert command.approve(asked[2].refund_id, PERSON) is not None
            await asyncio.sleep(5)
            states = [stage.get(intent.refund_id).state for intent in asked]
            assert states == [S.PREPARED, S.SENDING, S.SUCCEEDED]
            await asyncio.sleep(60)
            states = [stage.get(intent.refund_id).state for intent in asked]
            assert states == [S.NOT_SENT, S.UNKNOWN, S.SUCCEEDED]

    run_virtually(main())
    assert stage.posts == 2
    stage.audit()


def test_a_refund_that_fails_in_the_background_stops_no_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Between):
        async def get_order(self, order_id: str) -> Order:
            if order_id in ("ord_b", "ord_d"):
                raise ZeroDivisionError
            return await super().get_order(order_id)

    async def main() -> None:
        async with stage.desk(approval="always", call_ledger=inline) as desk:
            for letter in "bc":
                intent = await waiting(stage, desk, order_id=f"ord_{letter}")
                with closing(stage.open_ledger()) as command:
                    assert command.approve(intent.refund_id, PERSON) is not None
        async with stage.desk(call_ledger=inline) as desk:
            for letter in "da":
                stage.fault("reset_after", method="POST")
                await desk.refund(stage.store, request(order_id=f"ord_{letter}"))
        odd = Odd(stage.store)
        async with stage.desk(odd, call_ledger=inline) as desk:
            desk.start()
            stage.clock.now += 2
            await asyncio.sleep(5)

    run_virtually(main())
    states = {intent.request.order_id: intent.state for intent in stage.audit()}
    assert states == {
        "ord_a": S.SUCCEEDED,
        "ord_b": S.PREPARED,
        "ord_c": S.SUCCEEDED,
        "ord_d": S.UNKNOWN,
    }
    assert "ZeroDivisionError" in caplog.text


def test_however_many_wait_all_are_sent(tmp_path: Path) -> None:
    orders = [order(f"ord_{n}") for n in range(40)]
    stage = Stage(tmp_path, box=Sandbox(era="new", data=shop(*orders)))

    async def main() -> None:
        async with stage.desk(approval="always", call_ledger=inline) as desk:
            for n in range(40):
                intent = await waiting(stage, desk, order_id=f"ord_{n}")
                with closing(stage.open_ledger()) as command:
                    assert command.approve(intent.refund_id, PERSON) is not None
            desk.start()
            await asyncio.sleep(7)

    run_virtually(main())
    assert {intent.state for intent in stage.audit()} == {S.SUCCEEDED}
    assert stage.posts == 40


def change_refunded(stage: Stage) -> None:
    stage.made_elsewhere(100)


def change_all_refunded(stage: Stage) -> None:
    stage.made_elsewhere(2500)


def change_unreadable(stage: Stage) -> None:
    stage.fault("status", method="GET", code=503, headers=NO_RETRY)


def change_currency(stage: Stage) -> None:
    stage.fault("edit", method="GET", set={"data.order.currency": "EUR"})


def change_status(stage: Stage) -> None:
    stage.fault("edit", method="GET", set={"data.order.status": "under_review"})


def change_total(stage: Stage) -> None:
    stage.fault("edit", method="GET", set={"data.order.totalInCents": 400})


CHANGES = [
    (change_refunded, Code.NOT_REFUNDABLE, "changed since"),
    (change_all_refunded, Code.NOTHING_LEFT, "fully refunded already"),
    (change_unreadable, Code.STORE_UNAVAILABLE, ""),
    (change_currency, Code.NOT_REFUNDABLE, "changed since"),
    (change_status, Code.NOT_REFUNDABLE, "money does not move"),
    (change_total, Code.EXCEEDS_REMAINING, "4.00 USD is left"),
]


@pytest.mark.parametrize(
    ("change", "code", "told"), CHANGES, ids=lambda v: getattr(v, "__name__", "")
)
async def test_what_changed_after_it_was_asked_for_stops_an_approved_refund(
    stage: Stage, change: Callable[[Stage], None], code: Code, told: str
) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
        change(stage)
        error = await refused(desk.approve(intent.refund_id, PERSON))
        assert error.code is code
        assert told in error.message
        (now,) = stage.audit()
        assert (now.state, now.code) == (S.NOT_SENT, code)
        # It starts anew, with the person asked again.
        stage.box.faults.clear()
        if code is not Code.NOTHING_LEFT:
            again = await waiting(stage, desk)
            assert again.refund_id != intent.refund_id
    assert stage.posts == 0
    stage.audit()


async def test_an_order_that_vanished_is_not_refunded(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
        kept = stage.box.shop.orders.pop(ORDER)
        error = await refused(desk.approve(intent.refund_id, PERSON))
        assert error.code is Code.ORDER_NOT_FOUND
        stage.box.shop.put(kept)
    assert stage.posts == 0
    stage.audit()


async def test_all_that_is_left_is_what_it_was_when_it_was_asked_for(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk, None)  # type: ignore[arg-type]
        assert intent.amount_minor == 2500
        stage.made_elsewhere(300)
        error = await refused(desk.approve(intent.refund_id, PERSON))
        assert error.code is Code.NOT_REFUNDABLE
        assert "the refund was 25.00 USD, now it would be 22.00 USD" in error.message
    assert stage.posts == 0
    stage.audit()


async def test_an_approval_has_its_time(stage: Stage) -> None:
    async with stage.desk(approval="always", approval_hours="2") as desk:
        intent = await waiting(stage, desk)
        stage.clock.now += 2 * 3_600
        late = await desk.approve(intent.refund_id, PERSON)
        assert late.intent.state is S.EXPIRED
        anew = await waiting(stage, desk)
        assert anew.refund_id != intent.refund_id
        stage.clock.now += 2 * 3_600 - 1
        assert (await desk.approve(anew.refund_id, PERSON)).intent.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


async def test_an_approved_refund_expires_too(stage: Stage) -> None:
    async with stage.desk(approval="always", approval_hours="2") as desk:
        intent = await waiting(stage, desk)
        with closing(stage.open_ledger()) as command:
            marked = command.approve(intent.refund_id, PERSON)
        assert marked is not None
        stage.clock.now += 2 * 3_600
        assert (await desk.send_approved(marked)).intent.state is S.EXPIRED
        await desk.round()
    assert stage.posts == 0
    stage.audit()


# --- the first call ended too early ---------------------------------------------------------


def written_down(stage: Stage, **facts: object) -> Intent:
    """A refund that needs nobody, whose call ended before it was sent."""
    with closing(stage.open_ledger()) as ledger:
        intent, new = ledger.find_or_prepare(
            Intent(
                refund_id="rr_0000000001",
                account=stage.store.account,
                store="clawver",
                request=request(),
                amount_minor=500,
                currency="USD",
                state=S.PREPARED,
                created_at=ledger.now(),
                expires_at=ledger.now() + DAY,
                refunded_before_minor=0,
                **facts,  # type: ignore[arg-type]
            )
        )
    assert new
    return intent


async def test_a_refund_that_needs_nobody_is_sent_by_the_call_that_repeats_it(
    stage: Stage,
) -> None:
    intent = written_down(stage)
    async with stage.desk() as desk:
        # Reading it sends nothing, and neither does the background.
        assert (await desk.get(intent.refund_id)).intent.state is S.PREPARED
        await desk.round()
        assert stage.posts == 0
        done = await desk.refund(stage.store, request())
    assert (done.intent.refund_id, done.intent.state) == (intent.refund_id, S.SUCCEEDED)
    assert not done.already_done
    assert stage.posts == 1
    stage.audit()


async def test_a_policy_that_became_stricter_holds_for_what_was_not_sent(stage: Stage) -> None:
    intent = written_down(stage)
    async with stage.desk(approval="always") as desk:
        handled = await desk.refund(stage.store, request())
        assert handled.intent.state is S.PREPARED
        assert handled.already_done
        assert stage.posts == 0
        done = await desk.approve(intent.refund_id, PERSON)
        assert done.intent.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


async def test_what_needs_a_person_is_not_sent_by_a_repeated_call(stage: Stage) -> None:
    written_down(stage, needs_person=("it repeats another",))
    async with stage.desk() as desk:
        handled = await desk.refund(stage.store, request())
        assert handled.intent.state is S.PREPARED
        assert handled.already_done
    assert stage.posts == 0
    stage.audit()


# --- stopping -------------------------------------------------------------------------------


async def test_a_freeze_stops_every_process_and_every_door(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk, stage.desk() as other:
        intent = await waiting(stage, desk)
        await desk.ledger.run(lambda books: books.freeze(PERSON))
        for error in (
            await refused(desk.approve(intent.refund_id, PERSON)),
            await refused(other.refund(stage.store, request(400))),
        ):
            assert error.code is Code.FROZEN
        assert stage.get(intent.refund_id).approved_at is None
        await desk.ledger.run(lambda books: books.unfreeze(PERSON))
        done = await desk.approve(intent.refund_id, PERSON)
        assert done.intent.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


class Meanwhile(Between):
    """Something happens between the reading of an order and what follows."""

    def __init__(self, stage: Stage, happens: Callable[[Ledger], object]) -> None:
        super().__init__(stage.store)
        self._stage = stage
        self._happens: Callable[[Ledger], object] | None = happens

    async def get_order(self, order_id: str) -> Order:
        found = await super().get_order(order_id)
        happens, self._happens = self._happens, None
        if happens is not None:
            with closing(self._stage.open_ledger()) as ledger:
                happens(ledger)
        return found


async def test_a_freeze_between_the_decision_and_the_claim_stops_it(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
    frozen_late = Meanwhile(stage, lambda ledger: ledger.freeze(PERSON))
    async with stage.desk(frozen_late, approval="always") as desk:
        error = await refused(desk.approve(intent.refund_id, PERSON))
    assert error.code is Code.FROZEN
    assert stage.get(intent.refund_id).state is S.NOT_SENT
    assert stage.posts == 0
    stage.audit()


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_refund_minor": "499"}, "ORDER_SKILLS_MAX_REFUND_MINOR"),
        ({"daily_refund_minor": "499"}, "ORDER_SKILLS_DAILY_REFUND_MINOR"),
        ({"daily_refund_count": "0"}, "ORDER_SKILLS_DAILY_REFUND_COUNT"),
    ],
)
async def test_no_approval_lifts_a_limit(stage: Stage, limits: dict[str, str], name: str) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
    async with stage.desk(approval="always", **limits) as desk:
        error = await refused(desk.approve(intent.refund_id, PERSON))
        assert error.code is Code.OVER_LIMIT
        assert name in error.message
        assert "no approval lifts this limit" in error.next_step
    assert stage.posts == 0
    stage.audit()


async def test_a_read_only_process_neither_sends_nor_settles_nor_approves(stage: Stage) -> None:
    async with stage.desk() as desk:
        stage.fault("reset_after", method="POST")
        lost = (await desk.refund(stage.store, request())).intent
    async with stage.desk(approval="always") as desk:
        asked = await waiting(stage, desk, order_id="ord_b")
    stage.clock.now += 3_600
    async with stage.desk(read_only="1") as reading:
        reading.start()
        error = await refused(reading.refund(stage.store, request(order_id="ord_c")))
        assert error.code is Code.READ_ONLY
        error = await refused(reading.approve(asked.refund_id, PERSON))
        assert error.code is Code.READ_ONLY
        assert stage.get(asked.refund_id) == asked
        assert (await reading.get(lost.refund_id)).intent.state is S.UNKNOWN
        told = await reading.refund(stage.store, request())
        assert (told.intent.state, told.already_done) == (S.UNKNOWN, True)
    assert stage.posts == 1
    stage.audit()


async def test_a_read_only_process_does_not_send_what_needs_nobody(stage: Stage) -> None:
    written_down(stage)
    async with stage.desk(read_only="1") as reading:
        told = await reading.refund(stage.store, request())
        assert told.intent.state is S.PREPARED
    assert stage.posts == 0


# --- accounts -------------------------------------------------------------------------------


async def test_a_refund_of_another_store_is_as_unknown_as_none(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        intent = await waiting(stage, desk)
    sandbox = stage.another_store(account="clawver sandbox 1")
    async with stage.desk(sandbox, approval="always") as other:
        errors = [
            await refused(other.get(intent.refund_id)),
            await refused(other.get("rr_0000000000")),
            await refused(other.get("")),
            await refused(other.get("rr_" + "0" * 10_000)),
            await refused(other.approve(intent.refund_id, PERSON)),
            await refused(other.get(intent.refund_id, sandbox)),
        ]
        assert {str(error) for error in errors} == {str(errors[0])}
        assert errors[0].code is Code.REFUND_NOT_FOUND
        assert isinstance(errors[0], Refusal)
        assert await other.waiting(sandbox) == ()
    assert stage.get(intent.refund_id) == intent
    async with stage.desk(approval="always") as desk:
        # Not even the process that has both tells one store about the other.
        error = await refused(desk.get(intent.refund_id, sandbox))
        assert error.code is Code.REFUND_NOT_FOUND
        assert (await desk.get(intent.refund_id, stage.store)).intent == intent
        assert await desk.waiting(stage.store) == (intent,)
    assert stage.posts == 0


async def test_a_process_with_another_account_neither_sends_nor_settles(stage: Stage) -> None:
    async with stage.desk(approval="always") as desk:
        approved = await waiting(stage, desk, order_id="ord_b")
        with closing(stage.open_ledger()) as command:
            command.approve(approved.refund_id, PERSON)
    async with stage.desk() as desk:
        stage.fault("reset_after", method="POST")
        lost = (await desk.refund(stage.store, request())).intent
    stage.clock.now += 1_800
    reads = stage.box.request_count("GET")
    async with stage.desk(stage.another_store(account="clawver sandbox 1")) as other:
        await other.round()
        assert other.accounts == {"clawver sandbox 1"}
    assert stage.box.request_count("GET") == reads
    assert stage.get(lost.refund_id).state is S.UNKNOWN
    assert stage.get(approved.refund_id).state is S.PREPARED
    assert stage.posts == 1
    async with stage.desk() as desk:
        await desk.round()
    assert stage.get(lost.refund_id).state is S.SUCCEEDED
    assert stage.get(approved.refund_id).state is S.SUCCEEDED
    stage.audit()


async def test_the_same_request_to_two_accounts_is_two_refunds(stage: Stage) -> None:
    second = stage.another_store(account="clawver second")
    async with stage.desk() as desk, stage.desk(second) as other:
        first = (await desk.refund(stage.store, request())).intent
        error = await refused(other.refund(second, request()))
        # Its marker is a stranger's there: two ledgers, or two names, for one store.
        assert error.code is Code.NOT_REFUNDABLE
        assert "does not know" in error.message
        made = (await other.refund(second, request(order_id="ord_b"))).intent
    assert {first.account, made.account} == {stage.store.account, "clawver second"}
    stage.audit()


async def test_a_store_without_refunds_is_no_account(stage: Stage) -> None:
    store = Between(stage.store)
    store.capabilities = replace(store.capabilities, refunds=False)
    async with stage.desk(store) as desk:
        assert desk.accounts == frozenset()
        desk.start()
        await desk.round()


# --- what a marker in the store says --------------------------------------------------------


async def test_a_marker_that_this_ledger_does_not_know_blocks_its_order(stage: Stage) -> None:
    stage.made_elsewhere(300, "broken [rr_0000000009]")
    async with stage.desk() as desk:
        error = await refused(desk.refund(stage.store, request()))
        assert error.code is Code.NOT_REFUNDABLE
        assert "does not know" in error.message
        order_now = await stage.store.get_order(ORDER)
        checked = await desk.check(stage.store, order_now, request())
        assert [b.code for b in checked.blockers] == [Code.NOT_REFUNDABLE]
        assert (await desk.refund(stage.store, request(order_id="ord_b"))).intent.state
    assert stage.refunded() == 300


@pytest.mark.parametrize("state", [S.NOT_SENT, S.DENIED, S.EXPIRED])
async def test_a_marker_of_a_refund_that_was_never_sent_blocks_its_order(
    stage: Stage, state: State
) -> None:
    intent = written_down(stage)
    with closing(stage.open_ledger()) as ledger:
        ledger.move(intent.refund_id, state, Change("test", "because"))
    stage.made_elsewhere(500, f"broken {intent.marker}")
    async with stage.desk() as desk:
        error = await refused(desk.refund(stage.store, request(300, reason="other")))
    assert error.code is Code.NOT_REFUNDABLE
    assert stage.posts == 0


# --- reading --------------------------------------------------------------------------------


async def test_what_waits_is_listed_newest_first_and_without_a_ledger_nothing_does(
    stage: Stage,
) -> None:
    async with stage.desk(approval="always") as desk:
        first = await waiting(stage, desk)
        second = await waiting(stage, desk, order_id="ord_b")
        await desk.deny((await waiting(stage, desk, order_id="ord_c")).refund_id, PERSON)
        assert await desk.waiting(stage.store) == (second, first)
        assert await desk.history(stage.store, ORDER) == (first,)
        assert await desk.history(stage.store, "ord_d") == ()
    made_none = Desk(
        stage.settings(),
        {"clawver": stage.store},
        lambda: pytest.fail("it was opened"),
        ledger_exists=lambda: False,
    )
    assert await made_none.waiting(stage.store) == ()
    made_none.start()
    await asyncio.sleep(0)
    await made_none.aclose()


async def test_without_a_person_a_decision_is_the_same_for_checking_and_for_making(
    stage: Stage,
) -> None:
    async with stage.desk(approval="above:1000", max_refund_minor="2000") as desk:
        order_now = await stage.store.get_order(ORDER)
        small = await desk.check(stage.store, order_now, request(1000))
        assert (small.allowed, small.needs_person) == (True, ())
        large = await desk.check(stage.store, order_now, request(1001))
        assert large.allowed
        assert large.needs_person
        too_large = await desk.check(stage.store, order_now, request(2001))
        assert [b.code for b in too_large.blockers] == [Code.OVER_LIMIT]
        assert (await desk.refund(stage.store, request(1000))).intent.state is S.SUCCEEDED
        assert (await desk.refund(stage.store, request(1))).intent.state is S.PREPARED
    stage.audit()


async def test_a_reading_that_fails_after_the_refund_does_not_hide_it(stage: Stage) -> None:
    held = stage.fault("hold", method="POST")
    async with stage.desk() as desk:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        stage.fault("status", method="GET", code=503, headers=NO_RETRY)
        held.release()
        handled = await call
    assert handled.intent.state is S.SUCCEEDED
    assert handled.order is None
    stage.audit()


async def test_the_error_of_a_store_is_a_store_error(stage: Stage) -> None:
    stage.fault("rate_limited", method="POST")
    async with stage.desk() as desk:
        assert isinstance(await refused(desk.refund(stage.store, request())), StoreError)
