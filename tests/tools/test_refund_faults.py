"""What a store can answer to the one POST (catalogue groups U and N): money moves at most once.

Each fault is told by its effect: whether the store made the refund, what the agent hears, and
how it ends once the order was read back. The agent repeats its call after every answer.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from support import AUTO, Door, Doors, edited, text_of

REFUND: dict[str, Any] = {"order_id": "ord_1001", "amount_minor": 500, "reason": "came late"}
POST = "/v1/orders/ord_1001/refund"
READ = "/v1/orders/ord_"

HTML = "<html><script>alert(1)</script></html>"


@pytest.fixture
def era() -> str:
    """The desk knows no era; test_refund_outcomes.py goes through both."""
    return AUTO


def post(kind: str, **settings: Any) -> Fault:
    """A fault of the first POST."""
    return Fault(kind, method="POST", **settings)


@dataclass(frozen=True)
class Case:
    """A fault, what the store did, and what the agent hears at first and in the end."""

    fault: Fault
    made: bool
    outcome: str = "unknown"
    settled: str = ""

    def ends(self) -> str:
        return self.settled or ("refunded" if self.made else "unknown")


CASES: dict[str, Case] = {
    **{
        f"U1-{what}": Case(post("malformed", what=what), made=True)
        for what in ("empty", "null", "list", "text", "empty_object", "html", "html_as_json")
    },
    "U1-not made, html": Case(post("status", code=200, body=HTML), made=False),
    "U1-not made, null": Case(post("status", code=200, body="null"), made=False),
    "U2-truncated": Case(post("malformed", what="truncated"), made=True),
    "U2-trailing": Case(post("malformed", what="trailing"), made=True),
    "U2-cut": Case(post("cut_body"), made=True),
    "U3-success false": Case(post("success_false"), made=True),
    "U3-success false, not made": Case(
        post("status", code=200, body={"success": False, "error": {"code": "CONFLICT"}}),
        made=False,
    ),
    "U4-less": Case(post("wrong_amount", by=1), made=True, outcome="needs_person"),
    "U4-a hundred times": Case(
        post("wrong_amount", amount_minor=50_000), made=True, outcome="needs_person"
    ),
    "U4-another order": Case(
        Fault("edit", method="POST", set={"data.order.id": "ord_1002"}), made=True
    ),
    **{
        f"U5-{code}": Case(post("status_after", code=code, body=""), made=True)
        for code in (200, 201, 202, 204)
    },
    "U5-202, not made": Case(post("status", code=202, body={"success": True}), made=False),
    **{
        f"U6-{code}": Case(
            post("redirect", code=code, location="https://evil.example/v1/steal"), made=False
        )
        for code in (301, 302, 303, 307, 308)
    },
    "U6-to itself": Case(post("redirect", code=307, location=POST), made=False),
    "U8-409, present": Case(post("status_after", code=409), made=True),
    "U8-409, absent": Case(post("status", code=409), made=False, settled="rejected"),
    "U9-422, present": Case(post("status_after", code=422), made=True),
    "U9-422, absent": Case(post("status", code=422), made=False, settled="rejected"),
    **{
        f"U10-{code}": Case(post("status", code=code), made=False)
        for code in (408, 425, 418, 500, 502, 503, 504, 520, 599, 999)
    },
    "U10-503 with a time to wait": Case(
        post("status", code=503, headers={"retry-after": "1"}), made=False
    ),
    "U11-500 after it was made": Case(post("status_after", code=500), made=True),
    "U14-answer without refunds": Case(
        Fault("edit", method="POST", remove=["data.order.refunds"]), made=True
    ),
    "U15-answer with a broken amount": Case(
        Fault("edit", method="POST", set={"data.order.refunds.0.amountInCents": "500"}), made=True
    ),
    **{
        f"U22-{what}": Case(post("malformed", what=what), made=True)
        for what in ("duplicate_keys", "nan", "bom", "utf16", "lone_surrogate", "invalid_utf8")
    },
    "U23-deep": Case(post("malformed", what="deep"), made=True),
    "U23-huge integer": Case(post("malformed", what="huge_int"), made=True),
    "U24-gzip": Case(post("gzip_bomb", size=20_000_000), made=True),
    "U24-gzip in gzip": Case(post("gzip_bomb", size=20_000_000, layers=2), made=True),
    "U24-deflate": Case(post("gzip_bomb", size=20_000_000, encoding="deflate"), made=True),
    "U25-huge": Case(post("huge"), made=True),
    "U25-endless": Case(post("huge", endless=True), made=True),
    "N5-reset before": Case(post("reset_before"), made=False),
    "N5-reset after": Case(post("reset_after"), made=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_an_answer_that_proves_nothing_is_neither_repeated_nor_forgotten(
    sending: Doors, case: Case
) -> None:
    async with sending() as door:
        door.box.faults.add(_fresh(case.fault))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == case.outcome
        assert refund["already_done"] is False
        _assert_no_secret(door, str(refund))
        again = await door.answer("refund_order", **REFUND)
        assert (again["outcome"], again["already_done"]) == (case.outcome, True)
        assert await door.code("refund_order", **{**REFUND, "amount_minor": 700}) is (
            Code.REFUND_IN_PROGRESS
        )
        assert door.posts == 1
        assert door.refunded("ord_1001") == (500 if case.made else 0)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_reading_back_settles_what_has_evidence_and_nothing_else(
    sending: Doors, case: Case
) -> None:
    async with sending() as door:
        door.box.faults.add(_fresh(case.fault))
        refund = await door.answer("refund_order", **REFUND)
        door.read_back()
        for _ in range(3):
            found = await door.call("get_refund", refund_id=refund["refund_id"])
        ended = (found.structured_content or {})["outcome"]
        assert ended == case.ends()
        assert found.is_error is (ended == "rejected")
        assert door.posts == 1
        assert door.refunded("ord_1001") == (500 if case.made else 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415], ids="U7-{}".format)
async def test_a_plain_no_is_an_answer_and_frees_what_was_counted(
    sending: Doors, status: int
) -> None:
    limit = {"ORDER_SKILLS_DAILY_REFUND_COUNT": "1"}
    async with sending(**limit) as door:
        door.box.faults.add(post("status", code=status, body=f"{HTML} {door.box.api_key}"))
        result = await door.call("refund_order", **REFUND)
        assert result.is_error
        assert (result.structured_content or {})["outcome"] == "rejected"
        _assert_no_secret(door, text_of(result) + str(result.structured_content))
        assert door.posts == 1
        assert door.refunded("ord_1001") == 0
        again = await door.answer("refund_order", **REFUND)
        assert again["outcome"] == "refunded"
        assert door.refunded("ord_1001") == 500


@pytest.mark.parametrize("gate", ["409", "400"], ids="U8-gate {}".format)
async def test_a_refusal_of_the_stores_own_gate_is_told(sending: Doors, gate: str) -> None:
    """The order was refunded elsewhere between our reading and our request."""
    box = Sandbox(options={"gate_failure": gate})
    async with sending(box=box) as door:
        box.shop.refund("ord_1001", 2499, "dashboard", box.now(), allowed=lambda _: True)
        box.faults.add(Fault("stale_reads", method="GET", times=1))
        result = await door.call("refund_order", **REFUND)
        door.read_back()
        for _ in range(2):
            refund = (result.structured_content or {})["refund_id"]
            result = await door.call("get_refund", refund_id=refund)
        assert (result.structured_content or {})["outcome"] == "rejected"
        assert text_of(result).startswith("STORE_REJECTED: ")
        assert door.refunded("ord_1001") == 2499
        assert door.posts == 1


WAITS: dict[str, tuple[Any, str]] = {
    "U12-seconds": ("2", "2 s"),
    "U12-too long": ("1000000000", "300 s"),
    "U12-past date": ("Wed, 21 Oct 2015 07:28:00 GMT", "1 s"),
    "U12-negative": ("-1", "5 s"),
    "U12-no number": ("abc", "5 s"),
    "U12-twice": (["2", "3"], "5 s"),
    "U12-none": (None, "5 s"),
}


@pytest.mark.parametrize(("retry_after", "wait"), WAITS.values(), ids=WAITS)
async def test_a_store_that_asks_to_wait_was_not_asked_twice(
    sending: Doors, retry_after: Any, wait: str
) -> None:
    async with sending() as door:
        door.box.faults.add(post("rate_limited", retry_after=retry_after))
        text = await door.error("refund_order", **REFUND)
        assert text.startswith("STORE_RATE_LIMITED: ")
        assert f"asks to wait {wait} " in text
        assert door.posts == 1
        assert door.refunded("ord_1001") == 0


async def test_u13_a_store_that_asks_to_wait_for_ever_does_not_hold_the_order(
    sending: Doors,
) -> None:
    async with sending() as door:
        door.box.faults.add(post("rate_limited", retry_after="60", times=None))
        for calls in range(1, 6):
            assert await door.code("refund_order", **REFUND) is Code.STORE_RATE_LIMITED
            assert door.posts == calls
        door.box.faults.clear()
        other = await door.answer("refund_order", **{**REFUND, "amount_minor": 700})
        assert other["outcome"] == "refunded"
        assert door.refunded("ord_1001") == 700


@pytest.mark.parametrize(
    ("how", "outcome", "settled"),
    [
        ("lower", "refunded", "refunded"),
        ("escape", "refunded", "refunded"),
        ("drop", "refunded", "refunded"),
        ("empty", "refunded", "refunded"),
        ("truncate", "unknown", "unknown"),
    ],
    ids=lambda v: f"U16-{v}",
)
async def test_a_reason_that_is_not_echoed_as_sent_proves_less(
    sending: Doors, how: str, outcome: str, settled: str
) -> None:
    """In the answer to our own request one new refund without a reason is ours; later it is not."""
    async with sending() as door:
        door.box.faults.add(Fault("drop_reason", how=how, times=None))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == outcome
        door.read_back()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert found["outcome"] == settled
        assert (await door.answer("refund_order", **REFUND))["already_done"] is True
        assert door.posts == 1
        assert door.refunded("ord_1001") == 500


async def test_u16_without_a_marker_an_equal_amount_is_no_evidence(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(post("reset_before"))
        refund = await door.answer("refund_order", **REFUND)
        box = door.box
        box.shop.refund("ord_1001", 500, "came late", box.now(), allowed=lambda _: True)
        door.read_back()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert found["outcome"] == "unknown"
        assert door.posts == 1


async def test_u17_a_refund_that_was_made_twice_on_the_way_is_an_alarm(
    sending: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    async with sending() as door:
        door.box.faults.add(post("twice"))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        assert door.posts == 1
        assert door.refunded("ord_1001") == 1000
    assert any("DUPLICATE" in r.message for r in caplog.records if r.levelname == "ERROR")


async def test_u18_a_refund_that_the_store_no_longer_shows_stays_made(sending: Doors) -> None:
    async with sending() as door:
        refund = await door.answer("refund_order", **REFUND)
        door.box.faults.add(edited(READ, data__order__refunds=[]))
        door.read_back()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert found["outcome"] == "refunded"
        full = await door.answer("check_refund", order_id="ord_1001")
        assert full["amount_minor"] == 1999
        assert (await door.answer("refund_order", **REFUND))["already_done"] is True
        assert door.posts == 1


READINGS: dict[str, Fault] = {
    "U1-html": Fault("malformed", what="html", method="GET", times=None),
    "U3-success false": Fault("success_false", method="GET", times=None),
    "U7-401": Fault("status", code=401, method="GET", times=None),
    "U14-no refunds": Fault("edit", method="GET", remove=["data.order.refunds"], times=None),
    "U14-null": Fault("edit", method="GET", set={"data.order.refunds": None}, times=None),
    "U15-broken": Fault("edit", method="GET", set={"data.order.refunds": [{}]}, times=None),
    "another order": Fault("edit", method="GET", set={"data.order.id": "ord_2"}, times=None),
    "empty": Fault("edit", method="GET", set={"data.order.refunds": []}, times=None),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
async def test_what_is_in_doubt_stays_so_while_reading_back_shows_nothing(
    sending: Doors, reading: Fault
) -> None:
    async with sending() as door:
        door.box.faults.add(post("reset_after"))
        refund = await door.answer("refund_order", **REFUND)
        door.box.faults.add(_fresh(reading))
        door.read_back()
        for _ in range(3):
            found = await door.answer("get_refund", refund_id=refund["refund_id"])
            assert found["outcome"] == "unknown"
        door.box.faults.clear()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert found["outcome"] == "refunded"
        assert door.posts == 1


def _fresh(fault: Fault) -> Fault:
    """The same fault, not yet spent."""
    return Fault(fault.kind, fault.method, fault.path, fault.times, **fault.params)


def _assert_no_secret(door: Door, shown: str) -> None:
    for secret in (door.box.api_key, "script", "evil.example"):
        assert secret not in shown
