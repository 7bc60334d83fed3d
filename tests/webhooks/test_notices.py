"""Notices of orders: who is told, of what, in both protocols, and who is not."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ResourceUpdatedNotification
from starlette.applications import Starlette

from order_skills.notices import MAX_ADDRESSES
from order_skills.principals import Scope
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Sandbox
from order_skills.sandbox.shop import Webhook
from order_skills.server import OrderServer
from order_skills.webhooks.arrivals import LOOK_BACK, Arrivals, Arrived
from order_skills.webhooks.events import Event
from order_skills.webhooks.mailroom import senders
from order_skills.webhooks.receiver import Receiver
from support import AUTO, PATIENCE, Door, environment, open_door, open_workspace, serve, spawned

SECRET = "whsec_of_thirty_characters_now"
ORDER, OTHER = "orders://ord_1003", "orders://ord_1001"
pytestmark = pytest.mark.filterwarnings("ignore:resources/.* is removed")


def configured(box: Sandbox, *names: str) -> str:
    """A settings file with these stores, each of which signs its events."""
    return "".join(
        f'[stores.{name}]\nplatform = "clawver"\nurl = "http://127.0.0.1"\n'
        f'key = "{box.api_key}"\nwebhook_secrets = ["{SECRET}"]\n'
        for name in names or ("east",)
    )


class Host:
    """A host that subscribed; `heard` holds the addresses it was told of."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.messages: list[Any] = []
        self._news = asyncio.Condition()

    async def hear(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.messages.append(message)
            async with self._news:
                self.heard.append(message.params.uri)
                self._news.notify_all()

    async def hears(self, uri: str) -> None:
        """Wait until it was told of this, once more than before."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: uri in self.heard)
            self.heard.remove(uri)

    @asynccontextmanager
    async def subscribed(
        self, client: Client, *uris: str, keep: bool = False
    ) -> AsyncIterator[None]:
        """Subscribed in the way of the client's protocol, from here to the end of the block.

        keep: it does not end by the client's wish.
        """
        if client.protocol_version < "2026":
            for uri in uris:
                await client.subscribe_resource(uri)
            yield
            for uri in () if keep else uris:
                await client.unsubscribe_resource(uri)
            return
        async with client.listen(resource_subscriptions=uris):
            yield


@asynccontextmanager
async def opened(
    home: Path, era: str, host: Host, *names: str, **variables: str
) -> AsyncIterator[Door]:
    box = Sandbox()
    async with open_door(
        home,
        era=era,
        box=box,
        config=configured(box, *names),
        message_handler=host.hear,
        **variables,
    ) as door:
        yield door


async def happened(door: Door, order_id: str, key: str, store: str = "east") -> None:
    """The receiver of this process kept a verified event."""
    assert await door.workspace.mailroom.keep(store, Event(key, "order.shipped", order_id))


async def test_a_signed_webhook_of_an_order_reaches_the_host_that_subscribed_to_it(
    home: Path, era: str
) -> None:
    host = Host()
    async with opened(home, era, host) as door:
        receiver = Receiver(senders(door.workspace.settings), door.workspace.mailroom.keep)
        app = Starlette(routes=[receiver.route()])
        door.box.shop.webhooks["wh"] = Webhook(
            "wh", "https://x.example", ("order.shipped",), SECRET, door.box.now()
        )
        signed = door.box.sign_event("order.shipped", "ord_1003")
        async with (
            host.subscribed(door.client, ORDER),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1"
            ) as store,
        ):
            forged = signed.body.replace(b"ord_1003", b"ord_1001")
            for body in (forged, signed.body, signed.body):
                await store.post("/webhooks/east", content=body, headers=signed.headers)
            await host.hears(ORDER)
            # What is told later shows that the forgery and the repetition were not.
            await happened(door, "ord_1003", "another")
            await host.hears(ORDER)
            assert host.heard == []
        order = await door.client.read_resource(ORDER)
        assert "ord_1003" in order.model_dump_json()
    for message in host.messages:
        told = message.model_dump(mode="json", by_alias=True, exclude_none=True)
        # The newer protocol names the stream.
        told["params"].pop("_meta", None)
        assert told["params"] == {"uri": ORDER}


async def test_a_host_hears_of_its_orders_alone_and_of_none_when_it_had_enough(
    home: Path, era: str
) -> None:
    host = Host()
    async with opened(home, era, host) as door:
        async with host.subscribed(door.client, OTHER):
            async with host.subscribed(door.client, ORDER):
                await happened(door, "ord_1002", "1")
                await happened(door, "ord_1003", "2")
                await host.hears(ORDER)
                assert host.heard == []
            await happened(door, "ord_1003", "3")
            await happened(door, "ord_1001", "4")
            await host.hears(OTHER)
            assert host.heard == []
        async with asyncio.timeout(PATIENCE):
            while door.workspace.mailroom.arrivals.watched:  # noqa: ASYNC110 -- no event for it
                await asyncio.sleep(0.01)


async def test_the_same_id_at_another_store_is_another_order(home: Path, era: str) -> None:
    host = Host()
    async with opened(home, era, host, "east", "west") as door:
        west, east = "orders://west/ord_1003", "orders://east/ord_1003"
        async with host.subscribed(door.client, west, "orders://east/ord_1001"):
            await happened(door, "ord_1003", "1", store="east")
            await happened(door, "ord_1003", "2", store="west")
            await host.hears(west)
            assert host.heard == []
        assert east not in host.heard


async def test_an_event_that_another_process_received_is_told_too(home: Path) -> None:
    host, box = Host(), Sandbox()
    other = open_workspace(home, box, config=configured(box))
    try:
        async with (
            opened(home, "2026-07-28", host) as door,
            host.subscribed(door.client, ORDER),
        ):
            assert await other.mailroom.keep("east", Event("1", "order.shipped", "ord_1003"))
            await host.hears(ORDER)
    finally:
        await other.aclose()


async def test_over_standard_input_a_host_hears_of_what_a_receiver_beside_it_kept(
    home: Path, tmp_path: Path
) -> None:
    host, box = Host(), Sandbox()
    config = tmp_path / "home.toml"
    receiver = open_workspace(home, box, config=configured(box))
    try:
        async with (
            Client(
                spawned(home, "--config", str(config)), mode="legacy", message_handler=host.hear
            ) as client,
            host.subscribed(client, ORDER),
        ):
            assert await receiver.mailroom.keep("east", Event("1", "order.shipped", "ord_1003"))
            await host.hears(ORDER)
    finally:
        await receiver.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signal")
async def test_over_http_a_host_hears_of_it_and_the_server_ends_in_order_while_it_listens(
    home: Path, tmp_path: Path, era: str
) -> None:
    host, box = Host(), Sandbox()
    config = tmp_path / "config.toml"
    await asyncio.to_thread(config.write_text, configured(box))
    await asyncio.to_thread(config.chmod, 0o600)
    box.shop.webhooks["wh"] = Webhook(
        "wh", "https://x.example", ("order.shipped",), SECRET, box.now()
    )
    signed = box.sign_event("order.shipped", "ord_1003")
    server = await asyncio.create_subprocess_exec(
        *serve("--http", "127.0.0.1:0", "--config", str(config)),
        env=environment(home),
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stderr
    try:
        async with asyncio.timeout(PATIENCE):
            url = (await server.stderr.readline()).decode().split()[-1]
            async with (
                Client(url, mode=era, message_handler=host.hear) as client,
                httpx2.AsyncClient(timeout=PATIENCE) as store,
            ):
                async with host.subscribed(client, OTHER):
                    pass
                async with host.subscribed(client, ORDER, keep=True):
                    address = url.removesuffix("/mcp") + "/webhooks/east"
                    taken = await store.post(address, content=signed.body, headers=signed.headers)
                    assert taken.status_code == 200
                    await host.hears(ORDER)
                    server.send_signal(signal.SIGTERM)
                    _, log = await server.communicate()
    finally:
        if server.returncode is None:
            server.kill()
            await server.communicate()
    assert server.returncode == 0
    # Nothing had to be broken off for want of time.
    assert b"exceeded" not in log


# --- what is promised -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["legacy", AUTO])
async def test_they_are_announced_where_events_can_come_and_changed_lists_never(
    home: Path, mode: str
) -> None:
    async with opened(home, mode, Host()) as door:
        offered = door.client.server_capabilities
        assert offered.resources is not None
        assert offered.resources.subscribe is True
        for part in (offered.resources, offered.tools, offered.prompts):
            assert part is not None
            assert not part.list_changed
    async with open_door(home, era=mode, box=Sandbox()) as door:
        offered = door.client.server_capabilities
        assert offered.resources is not None
        assert not offered.resources.subscribe


async def test_without_sessions_the_older_protocol_is_promised_nothing(home: Path) -> None:
    async with opened(home, "legacy", Host()) as door:
        server = OrderServer(door.workspace)
        app = server.streamable_http_app(stateless_http=True, json_response=True)
        async with (
            server.session_manager.run(),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8000"
            ) as client,
        ):

            async def ask(method: str, **params: Any) -> Any:
                answer = await client.post(
                    "/mcp",
                    json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
                    headers={
                        "accept": "application/json, text/event-stream",
                        "mcp-protocol-version": "2025-06-18",
                    },
                )
                return answer.json()

            told = await ask(
                "initialize",
                protocolVersion="2025-06-18",
                capabilities={},
                clientInfo={"name": "test", "version": "1"},
            )
            assert told["result"]["capabilities"]["resources"]["subscribe"] is False
            refused = await ask("resources/subscribe", uri=ORDER)
            assert refused["error"]["message"].startswith("NOT_SUPPORTED: this server keeps no")
            assert not door.workspace.mailroom.arrivals.watched


async def test_where_no_event_can_come_nobody_can_subscribe(home: Path, era: str) -> None:
    async with open_door(home, era=era, box=Sandbox()) as door:
        with pytest.raises(MCPError):
            async with Host().subscribed(door.client, ORDER):
                pass


NO_ORDERS = [
    "skill://order-skills/SKILL.md",
    "orders://..",
    "orders://a/b/c",
    "orders://%2e%2e",
    "orders://",
    "https://evil.example/",
    "",
]


@pytest.mark.parametrize("uri", NO_ORDERS)
async def test_what_is_no_orders_address_is_refused_without_repeating_it(
    home: Path, era: str, uri: str
) -> None:
    async with opened(home, era, Host()) as door:
        with pytest.raises(MCPError) as refused:
            async with Host().subscribed(door.client, uri):
                pass
        name = "uri" if era == "legacy" else "notifications"
        assert refused.value.error.message == (
            f"INVALID_ARGUMENT: {name} names nothing that changes are told of. "
            "Next: subscribe to an order: orders://{order_id}."
        )
        assert not door.workspace.mailroom.arrivals.watched


async def test_a_store_that_this_host_does_not_see_is_no_address(home: Path, era: str) -> None:
    async with opened(home, era, Host(), "east", "west") as door:
        with pytest.raises(MCPError, match=re.escape("orders://{store}/{order_id}")):
            async with Host().subscribed(door.client, "orders://north/ord_1003"):
                pass


async def test_a_stream_says_which_addresses_it_tells_of(home: Path) -> None:
    async with (
        opened(home, "2026-07-28", Host()) as door,
        door.client.listen(
            tools_list_changed=True, resource_subscriptions=[ORDER, "x://y"]
        ) as stream,
    ):
        assert stream.honored.model_dump(exclude_none=True) == {"resource_subscriptions": [ORDER]}


async def test_more_orders_than_a_server_tells_of_are_refused(home: Path) -> None:
    many = [f"orders://ord_{number}" for number in range(MAX_ADDRESSES)]
    async with opened(home, "2026-07-28", Host()) as door:
        async with Host().subscribed(door.client, *many):
            with pytest.raises(MCPError, match="OVER_LIMIT"):
                async with Host().subscribed(door.client, ORDER):
                    pass
        async with Host().subscribed(door.client, ORDER):
            pass


@pytest.fixture
def broken(home: Path) -> Path:
    """A ledger that is none."""
    home.mkdir(mode=0o700)
    ledger = home / "ledger.db"
    ledger.write_bytes(b"not a ledger")
    ledger.chmod(0o600)
    return ledger


async def test_where_the_ledger_cannot_be_read_nobody_is_promised_anything(
    home: Path, broken: Path, era: str
) -> None:
    host = Host()
    async with opened(home, era, host) as door:
        with pytest.raises(MCPError, match="LEDGER_UNAVAILABLE"):
            async with host.subscribed(door.client, ORDER):
                pass
        await asyncio.to_thread(broken.unlink)
        async with host.subscribed(door.client, ORDER):
            await happened(door, "ord_1003", "1")
            await host.hears(ORDER)


# --- reading what arrived -------------------------------------------------------------------


class Told:
    """A listener: the orders it was told of, in turn."""

    def __init__(self) -> None:
        self.orders: asyncio.Queue[str] = asyncio.Queue()
        self.ended = False

    async def arrived(self, what: Arrived) -> None:
        await self.orders.put(what.order_id)

    def closed(self) -> None:
        self.ended = True

    async def next(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.orders.get()


@pytest.fixture
def books(home: Path) -> Any:
    with closing(SqliteLedger(home / "ledger.db")) as books:
        yield books


def put(books: SqliteLedger, number: int) -> None:
    """An event that became visible now, under a number that it was given before."""
    with books.database.write() as tx:
        tx.rows(
            "INSERT INTO webhook_event (number, account, store, event_key, type, order_id,"
            " received_at) VALUES (?, 'a', 's', ?, 't', ?, 0)",
            (number, f"k{number}", f"ord_{number}"),
        )


async def test_an_event_whose_number_is_lower_than_one_told_before_is_told_once(
    home: Path, books: SqliteLedger
) -> None:
    put(books, 900)
    told = Told()
    ledger = AsyncLedger(lambda: SqliteLedger(home / "ledger.db"), "test-1")
    arrivals = Arrivals(ledger, poll_seconds=0.01)
    end = await arrivals.watch(told)
    try:
        for number in (1_000, 990, 991 - LOOK_BACK + 20, 1_001):
            put(books, number)
            assert await told.next() == f"ord_{number}"
        put(books, 1_002)
        # Nothing came twice, and what was there before nobody is told.
        assert await told.next() == "ord_1002"
    finally:
        end()
        await ledger.aclose()


async def test_a_burst_longer_than_one_reading_is_told_whole(
    home: Path, books: SqliteLedger
) -> None:
    told = Told()
    ledger = AsyncLedger(lambda: SqliteLedger(home / "ledger.db"), "test-1")
    arrivals = Arrivals(ledger, poll_seconds=0.01)
    end = await arrivals.watch(told)
    try:
        with books.database.write() as tx:
            for number in range(1_200):
                tx.rows(
                    "INSERT INTO webhook_event (account, store, event_key, type, order_id,"
                    " received_at) VALUES ('a', 's', ?, 't', ?, 0)",
                    (f"k{number}", f"ord_{number}"),
                )
        assert [await told.next() for _ in range(1_200)] == [f"ord_{n}" for n in range(1_200)]
    finally:
        end()
        await ledger.aclose()


async def test_what_comes_while_the_ledger_is_down_is_told_when_it_is_back(
    home: Path, books: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    down, tried = False, asyncio.Event()

    async def call(work: Callable[[], Any], _: object) -> Any:
        if down:
            tried.set()
            raise LedgerError("the disk is away")
        return await asyncio.to_thread(work)

    told = Told()
    ledger = AsyncLedger(lambda: SqliteLedger(home / "ledger.db"), "test-1", call)
    arrivals = Arrivals(ledger, poll_seconds=0.01)
    end = await arrivals.watch(told)
    try:
        down = True
        put(books, 5)
        for _ in range(3):
            tried.clear()
            async with asyncio.timeout(PATIENCE):
                await tried.wait()
        down = False
        assert await told.next() == "ord_5"
        lines = [r for r in caplog.records if r.name == "order_skills.webhooks.arrivals"]
        assert [line.getMessage() for line in lines] == [
            "nobody hears of webhook events now: LEDGER_UNAVAILABLE"
        ]
    finally:
        end()
        await ledger.aclose()


async def test_the_end_of_the_process_ends_the_streams_in_order(home: Path) -> None:
    async with (
        opened(home, "2026-07-28", Host()) as door,
        door.client.listen(resource_subscriptions=[ORDER]) as stream,
    ):
        door.workspace.mailroom.arrivals.close()
        async with asyncio.timeout(PATIENCE):
            # A stream that broke off would raise.
            assert [event async for event in stream] == []


async def test_a_part_of_a_workspace_hears_of_its_own_stores_alone(home: Path, era: str) -> None:
    box = Sandbox()
    whole = open_workspace(home, box, config=configured(box, "east", "west"))
    part = whole.limited_to(["west"], frozenset(Scope))
    of_all, of_one = Host(), Host()
    try:
        async with (
            Client(OrderServer(whole), mode=era, message_handler=of_all.hear) as one,
            Client(OrderServer(part), mode=era, message_handler=of_one.hear) as other,
            of_all.subscribed(one, "orders://east/ord_1003", "orders://west/ord_1003"),
            of_one.subscribed(other, "orders://ord_1003"),
        ):
            with pytest.raises(MCPError):
                async with of_one.subscribed(other, "orders://east/ord_1003"):
                    pass
            await whole.mailroom.keep("east", Event("1", "t", "ord_1003"))
            await of_all.hears("orders://east/ord_1003")
            await whole.mailroom.keep("west", Event("2", "t", "ord_1003"))
            await of_all.hears("orders://west/ord_1003")
            await of_one.hears("orders://ord_1003")
            assert of_all.heard == of_one.heard == []
    finally:
        await whole.aclose()
