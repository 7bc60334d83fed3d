"""The event table, row by row: what an answer to a refund means, and how it is settled.

Each row is one fault of the store, met by the one POST; every row ends with all invariants.
In this process and over a real socket, where a connection can really break.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import StoreError
from order_skills.refunds.intents import Intent, State
from order_skills.sandbox.bodies import MALFORMED
from order_skills.sandbox.http_server import running
from tests.refunds.stage import ORDER, Stage, request

S = State
QUIET = 900.0
_SAYS = {"edit", "malformed", "drop_reason", "wrong_amount", "success_false", "status_after"}


@dataclass(frozen=True)
class Row:
    """A fault, what the call concludes from it, and what reading back concludes.

    Attributes:
        at_once: the state when the call answers.
        settled: the state after the quiet period.
        made: how many refunds the store then has.
        alarm: how the alarm begins, if one is raised.
        only: the only way on which it can happen.
    """

    name: str
    kind: str
    at_once: State
    settled: State
    made: int
    facts: dict[str, Any] = field(default_factory=dict)
    alarm: str | None = None
    only: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def ways(self) -> tuple[str, ...]:
        """Where it is tried: what an answer says is the same on every way."""
        if self.only is not None:
            return (self.only,)
        return ("process",) if self.kind in _SAYS else ("process", "socket")


def status(code: int, at_once: State, settled: State, **facts: Any) -> Row:
    return Row(f"{code} {facts or ''}", "status", at_once, settled, 0, {"code": code} | facts)


def lost(name: str, kind: str, only: str | None = None, **facts: Any) -> Row:
    """It was made and the answer proves nothing: reading back finds it."""
    return Row(name, kind, S.UNKNOWN, S.SUCCEEDED, 1, facts, only=only)


def raw(name: str, data: str, end: str = "fin") -> list[Row]:
    """Bytes in place of an answer, whether it was made or not."""
    facts = {"data": data, "end": end}
    return [
        Row(
            f"{name}, made",
            "raw",
            S.UNKNOWN,
            S.SUCCEEDED,
            1,
            facts | {"applied": True},
            None,
            "socket",
        ),
        Row(f"{name}, not made", "raw", S.UNKNOWN, S.NEEDS_HUMAN, 0, facts, None, "socket"),
    ]


REFUNDS = "data.order.refunds"
ENTRY = {"id": "ref_x", "reason": "arrived broken", "createdAt": "2026-11-20T10:00:00Z"}

TABLE = [
    Row("the store's answer", "latency", S.SUCCEEDED, S.SUCCEEDED, 1, {"seconds": 0}),
    # A no that came before it could act.
    *[status(code, S.REJECTED, S.REJECTED) for code in (400, 401, 403, 404, 405, 413, 415)],
    # A no that a proxy's repetition could have caused: read back, twice.
    *[status(code, S.UNKNOWN, S.REJECTED) for code in (409, 422)],
    *[lost(f"{code} after it was made", "status_after", code=code) for code in (409, 422)],
    # Whatever else is no answer.
    *[
        status(code, S.UNKNOWN, S.NEEDS_HUMAN)
        for code in (408, 425, 451, 500, 501, 502, 503, 504, 520, 599)
    ],
    status(503, S.UNKNOWN, S.NEEDS_HUMAN, headers={"retry-after": "1"}),
    *[
        lost(f"{code} after it was made", "status_after", code=code)
        for code in (202, 204, 408, 500, 502, 503, 504)
    ],
    # Never followed: only a store that was asked twice would have two.
    *[
        Row(f"{code}", "redirect", S.UNKNOWN, S.NEEDS_HUMAN, 0, {"code": code, "location": place})
        for code in (301, 302, 303, 307, 308)
        for place in (f"/v1/orders/{ORDER}/refund", "https://elsewhere.example/")
    ],
    # The connection.
    Row("reset before", "reset_before", S.UNKNOWN, S.NEEDS_HUMAN, 0),
    lost("reset after", "reset_after"),
    lost("cut body", "cut_body"),
    lost("cut body, nothing", "cut_body", keep=0),
    *raw("closed without an answer", ""),
    *raw("half a status line", "HTTP/1.1 20"),
    *raw("half a head", "HTTP/1.1 200 OK\r\nContent-Type: appl"),
    *raw("no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"),
    *raw("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nnull"),
    *raw(
        "a length and chunks",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    *raw("cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", "rst"),
    Row(
        "hints before the answer",
        "raw",
        S.SUCCEEDED,
        S.SUCCEEDED,
        1,
        {
            "data": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
            "end": "answer",
            "applied": True,
        },
        only="socket",
    ),
    Row("slow", "slow_body", S.SUCCEEDED, S.SUCCEEDED, 1, {"bytes_per_second": 20_000}),
    # The body.
    *[lost(f"malformed: {what}", "malformed", what=what) for what in MALFORMED],
    lost("6 MB", "huge", size=6_000_000),
    lost("without end", "huge", endless=True),
    lost("compressed", "gzip_bomb", size=1_000_000),
    lost("compressed twice", "gzip_bomb", size=1_000_000, layers=2, encoding="deflate"),
    lost("success is false", "success_false"),
    # What it says.
    Row("another amount", "wrong_amount", S.NEEDS_HUMAN, S.SUCCEEDED, 1, alarm="AMOUNT"),
    lost("another order", "edit", set={"data.order.id": "ord_b"}),
    lost("no order", "edit", remove=["data.order"]),
    lost("no refunds", "edit", remove=[REFUNDS]),
    lost("refunds null", "edit", set={REFUNDS: None}),
    lost("refunds no list", "edit", set={REFUNDS: {"id": "ref_1"}}),
    lost("refunds empty", "edit", set={REFUNDS: []}),
    *[
        lost(f"amount {amount!r}", "edit", set={f"{REFUNDS}.0.amountInCents": amount})
        for amount in (500.0, "500", -500, None, 0, True, [500])
    ],
    Row("new fields", "edit", S.SUCCEEDED, S.SUCCEEDED, 1, {"set": {f"{REFUNDS}.0.new": {"a": 1}}}),
    lost(
        "10,000 entries",
        "edit",
        set={REFUNDS: [ENTRY | {"id": f"ref_{n}", "amountInCents": 500} for n in range(10_000)]},
    ),
    # How the reason is echoed, in the answer alone.
    *[
        Row(f"reason: {how}", "drop_reason", S.SUCCEEDED, S.SUCCEEDED, 1, {"how": how})
        for how in ("drop", "empty", "lower", "escape")
    ],
    lost("reason: truncate", "drop_reason", how="truncate"),
]


CASES = [pytest.param(row, way, id=f"{row}, {way}") for row in TABLE for way in row.ways]


@pytest.fixture
async def stage(way: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A store in this process, or at the end of a socket."""
    stage = Stage(tmp_path)
    if way == "process":
        yield stage
        return
    async with running(stage.box) as url:
        stage = Stage(tmp_path, url=url, box=stage.box)
        yield stage
        await stage.aclose()


async def asked(stage: Stage, row: Row) -> tuple[Intent, StoreError | None]:
    """The refund as the ledger has it after one call, and the error of the call."""
    error = None
    async with stage.desk() as desk:
        try:
            await desk.refund(stage.store, request())
        except StoreError as raised:
            error = raised
    (intent,) = stage.audit()
    return intent, error


@pytest.mark.parametrize(("row", "way"), CASES)
async def test_an_answer_means_so_much_and_reading_back_settles_it(stage: Stage, row: Row) -> None:
    stage.fault(row.kind, method="POST", **row.facts)
    intent, error = await asked(stage, row)
    assert intent.state is row.at_once
    assert error is None
    assert stage.posts == 1
    assert (intent.alarm or "").startswith(row.alarm or "")
    assert (intent.alarm is None) is (row.alarm is None)
    assert len(stage.box.shop.orders[ORDER].refunds) == row.made
    # Another process settles it, as time goes by.
    async with stage.desk() as desk:
        for seconds in (2, 58, 61, QUIET):
            stage.clock.now += seconds
            await desk.round()
    (settled,) = stage.audit()
    assert settled.state is row.settled
    assert stage.posts == 1
    assert stage.refunded() == 500 * row.made
    # And the same request again is answered from the ledger, or starts anew.
    async with stage.desk() as desk:
        if settled.state is S.REJECTED:
            anew = (await desk.refund(stage.store, request())).intent
            assert anew.refund_id != settled.refund_id
            assert anew.state is S.SUCCEEDED
            assert stage.posts == 2
        else:
            again = await desk.refund(stage.store, request())
            assert again.already_done
            assert again.intent.refund_id == settled.refund_id
            assert again.intent.state is row.settled
            assert stage.posts == 1
    stage.audit()
