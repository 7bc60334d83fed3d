"""Our own limit of requests to a store, with a clock that the tests turn."""

import anyio
import anyio.lowlevel
import pytest

from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call, StoreClient
from order_skills.pace import Pace
from order_skills.sandbox import Sandbox


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()


async def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    pace = Pace(None, clock.pause, clock)
    for _ in range(100):
        assert await pace.turn(0) is None
    assert clock.waits == []


async def test_the_request_after_the_limit_waits_until_the_first_is_a_minute_old() -> None:
    clock = Clock()
    pace = Pace(2, clock.pause, clock)
    assert await pace.turn(60) is None
    clock.now += 10
    assert await pace.turn(60) is None
    assert await pace.turn(60) is None
    assert clock.waits == [50.0]


async def test_in_any_minute_there_are_no_more_requests_than_allowed_however_many_ask() -> None:
    clock = Clock()
    pace = Pace(5, clock.pause, clock)
    sent: list[float] = []

    async def ask() -> None:
        assert await pace.turn(10_000) is None
        sent.append(clock.now)

    async with anyio.create_task_group() as tasks:
        for _ in range(23):
            tasks.start_soon(ask)
    assert len(sent) == 23
    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[5:], strict=False))


async def test_whoever_has_no_patience_is_told_how_long_it_would_take() -> None:
    clock = Clock()
    pace = Pace(1, clock.pause, clock)
    assert await pace.turn(60) is None
    clock.now += 20
    assert await pace.turn(30) == pytest.approx(40)
    assert clock.waits == []


async def test_a_refund_beyond_our_own_limit_is_not_sent_and_says_so() -> None:
    import httpx2

    box = Sandbox(platform="clawver")
    client = StoreClient(
        "Clawver",
        "http://shop/v1",
        {"Authorization": f"Bearer {box.api_key}"},
        transport=httpx2.ASGITransport(app=box.app),
        requests_per_minute=1,
    )
    await client.read(Call("GET", "/orders"))
    refund = Call("POST", "/orders/{o}/refund", {"o": "ord_1001"}, body={"amountInCents": 1})
    with pytest.raises(StoreError) as caught:
        await client.write(refund)
    await client.aclose()
    assert caught.value.code is Code.STORE_RATE_LIMITED
    assert caught.value.happened is Happened.NO
    assert "nothing was sent" in str(caught.value)
    assert box.request_count("POST") == 0


async def test_what_is_left_grows_again_as_requests_become_a_minute_old() -> None:
    clock = Clock()
    pace = Pace(2, clock.pause, clock)
    left = [pace.left()]
    await pace.turn(0)
    clock.now += 30
    await pace.turn(0)
    left.append(pace.left())
    clock.now += 30
    left.append(pace.left())
    assert left == [2, 0, 1]
    assert Pace(None).left() is None
