"""Webhook events in both databases: each once, newest first, for thirty days, and told in turn."""

import asyncio

from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.ledger import Ledger
from order_skills.webhooks.arrivals import Arrivals, Arrived
from order_skills.webhooks.events import Event
from order_skills.webhooks.inbox import KEEP_SECONDS, MAX_RECENT, Inbox

from .backends import Backend, PostgresBackend, opened
from .support import ACCOUNT, OTHER_ACCOUNT

PATIENCE = 60


def event(key: str, order_id: str | None = "ord_1") -> Event:
    return Event(key, "order.shipped", order_id, "2026-11-22T10:00:00Z")


def keys(inbox: Inbox, *accounts: str, order_id: str | None = None, limit: int = 20) -> list[str]:
    return [found.event.key for found in inbox.recent(accounts, order_id, limit)]


def test_an_event_is_kept_once_for_an_account_whichever_process_has_it(
    ledger: Ledger, backend: Backend
) -> None:
    inbox = Inbox(ledger.database)
    with opened(backend) as other:
        assert inbox.receive(ACCOUNT, "east", event("a")) is True
        assert Inbox(other.database).receive(ACCOUNT, "east", event("a")) is False
        assert Inbox(other.database).receive(OTHER_ACCOUNT, "west", event("a")) is True
    (found,) = inbox.recent((ACCOUNT,))
    assert (found.store, found.event) == ("east", event("a"))


def test_the_newest_come_first_of_these_accounts_or_of_one_order(ledger: Ledger) -> None:
    inbox = Inbox(ledger.database)
    for number, order_id in enumerate(("ord_1", "ord_2", None, "ord_1")):
        inbox.receive(ACCOUNT, "east", event(f"k{number}", order_id))
    inbox.receive(OTHER_ACCOUNT, "west", event("other"))
    assert keys(inbox, ACCOUNT) == ["k3", "k2", "k1", "k0"]
    assert keys(inbox, ACCOUNT, limit=2) == ["k3", "k2"]
    assert keys(inbox, ACCOUNT, order_id="ord_1") == ["k3", "k0"]
    assert keys(inbox, ACCOUNT, OTHER_ACCOUNT, limit=1) == ["other"]


def test_however_many_are_asked_for_so_many_come_and_no_more(ledger: Ledger) -> None:
    inbox = Inbox(ledger.database)
    with ledger.database.write() as tx:
        for number in range(MAX_RECENT + 5):
            tx.rows(
                "INSERT INTO webhook_event (account, store, event_key, type, received_at)"
                " VALUES (?, 'east', ?, 'order.paid', 0)",
                (ACCOUNT, f"k{number}"),
            )
    assert len(inbox.recent((ACCOUNT,), limit=10_000)) == MAX_RECENT


def test_after_thirty_days_an_event_makes_room_and_could_come_again(
    ledger: Ledger, backend: Backend
) -> None:
    inbox = Inbox(ledger.database)
    inbox.receive(ACCOUNT, "east", event("old"))
    backend.run(f"UPDATE webhook_event SET received_at = received_at - {KEEP_SECONDS - 60}")
    inbox.receive(ACCOUNT, "east", event("new"))
    assert keys(inbox, ACCOUNT) == ["new", "old"]
    backend.run("UPDATE webhook_event SET received_at = received_at - 120 WHERE event_key = 'old'")
    inbox.receive(ACCOUNT, "east", event("newer"))
    assert keys(inbox, ACCOUNT) == ["newer", "new"]
    assert inbox.receive(ACCOUNT, "east", event("old")) is True


def test_they_can_be_read_on_from_where_one_stopped(ledger: Ledger) -> None:
    inbox = Inbox(ledger.database)
    assert (inbox.newest(), inbox.after(0, 10)) == (0, ())
    for key in "abc":
        inbox.receive(ACCOUNT, "east", event(key, f"ord_{key}"))
    rows = inbox.after(0, 10)
    assert [(row.account, row.order_id) for row in rows] == [
        (ACCOUNT, f"ord_{key}") for key in "abc"
    ]
    assert inbox.newest() == rows[-1].number
    assert inbox.after(rows[0].number, 1) == rows[1:2]
    assert inbox.after(rows[-1].number, 10) == ()


class Told:
    """Who is told of orders, in turn."""

    def __init__(self) -> None:
        self.orders: asyncio.Queue[str] = asyncio.Queue()

    async def arrived(self, what: Arrived) -> None:
        await self.orders.put(what.order_id)

    def closed(self) -> None:
        """Nobody waits for the end."""

    async def next(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.orders.get()


async def test_on_postgresql_one_that_was_begun_first_and_committed_last_is_told(
    postgres: PostgresBackend,
) -> None:
    insert = (
        "INSERT INTO webhook_event (account, store, event_key, type, order_id, received_at)"
        " VALUES ('a', 's', '{0}', 't', '{0}', 0)"
    )
    with opened(postgres):
        pass
    told, ledger = Told(), AsyncLedger(postgres.open, "watcher-1")
    end = await Arrivals(ledger, poll_seconds=0.01).watch(told)
    try:
        with postgres.server.connection(postgres.schema) as slow:
            slow.execute("BEGIN")
            slow.execute(insert.format("slow"))
            postgres.run(insert.format("fast"))
            assert await told.next() == "fast"
            slow.execute("COMMIT")
        assert await told.next() == "slow"
    finally:
        end()
        await ledger.aclose()
