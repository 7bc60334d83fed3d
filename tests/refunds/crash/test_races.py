"""Two and three processes racing for one order, on one SQLite file and on one PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from order_skills.refunds.intents import State
from tests.ledger.postgres_server import PostgresServer
from tests.refunds.crash.nursery import Nursery
from tests.refunds.crash.shopfront import opened, refund

S = State
ORDERS = 8


@pytest.fixture(params=["sqlite", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Where the ledger is; None: in a file."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.dsn(server.new_schema())


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("wording", ["the same", "another"])
async def test_processes_that_race_for_an_order_send_one_refund(
    tmp_path: Path,
    dsn: str | None,
    nurseries: Sequence[Nursery],
    processes: int,
    wording: str,
) -> None:
    async with opened(tmp_path, ORDERS, nurseries[0], dsn) as store:
        calls = [
            [
                refund(n) | ({"reason": f"reason {number}"} if wording == "another" else {})
                for n in range(ORDERS)
            ]
            for number in range(processes)
        ]
        ended = await store.together(*calls, nurseries=nurseries[:processes])
        said = [end.said[1:] for end in ended if end.said]
        assert len(said) == processes
        for n in range(ORDERS):
            answers = [each[n] for each in said]
            sent = [a for a in answers if a.get("outcome") and not a["already_done"]]
            assert len(sent) == 1, answers
            if wording == "the same":
                assert {a["refund_id"] for a in answers} == {sent[0]["refund_id"]}
            else:
                refused = {a["code"] for a in answers if a not in sent}
                assert refused <= {"POSSIBLE_DUPLICATE", "REFUND_IN_PROGRESS"}
            assert store.box.shop.orders[f"ord_{n}"].refunded_minor == 500
        assert store.box.request_count("POST") == ORDERS
        store.audit()


async def test_processes_that_race_past_a_limit_do_not_pass_it(
    tmp_path: Path, dsn: str | None, nurseries: Sequence[Nursery]
) -> None:
    async with opened(tmp_path, ORDERS, nurseries[0], dsn) as store:
        store.policy = store.policy | {"ORDER_SKILLS_DAILY_REFUND_COUNT": "3"}
        calls = [[refund(n) for n in range(ORDERS)[first::3]] for first in range(3)]
        ended = await store.together(*calls, nurseries=nurseries)
        answers = [answer for end in ended for answer in (end.said or [])[1:]]
        codes = [answer["code"] for answer in answers if "code" in answer]
        assert codes == ["OVER_LIMIT"] * (ORDERS - 3)
        assert store.box.request_count("POST") == 3
        intents = store.audit()
        assert sum(intent.state is S.SUCCEEDED for intent in intents) == 3
