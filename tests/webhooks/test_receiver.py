"""Webhooks from stores: what is taken, what is turned away, and what becomes of it."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from order_skills import settings
from order_skills.refunds.intents import Request, State
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.shop import Webhook
from order_skills.settings_values import Secret
from order_skills.webhooks.mailroom import Mailroom, senders
from order_skills.webhooks.receiver import MAX_BYTES, Receiver
from order_skills.webhooks.secret_file import SecretFile
from order_skills.workspace import Workspace
from support import PATIENCE, environment, keys_of, open_workspace, serve

SECRET, OLD = "whsec_of_thirty_characters_now", "whsec_of_yesterday_still_good"
# Of each platform: an order of the demonstration shop, an event of it, and a refund's event.
PLATFORMS = {
    "clawver": ("ord_1003", "order.shipped", "order.refunded"),
    "paynow": ("pn_1055", "ON_ORDER_COMPLETED", "ON_REFUND"),
    "cloove": ("", "order.created", "order.refunded"),
    "vesuviopay": ("", "order.shipped", "order.cancelled"),
}


class Post:
    """A store that sends, and the receiver at the other end."""

    def __init__(self, box: Sandbox, workspace: Workspace, mailroom: Mailroom) -> None:
        self.box, self.workspace, self.mailroom = box, workspace, mailroom
        found = senders(workspace.settings)
        app = Starlette(routes=[Receiver(found, mailroom.keep).route()])
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1"
        )

    def signed(self, event: str | None = None, secret: str = SECRET, **facts: Any) -> Any:
        """A signed event of the platform's order, as the store sends it."""
        order_id, usual, _ = PLATFORMS[self.box.platform]
        order_id = (
            order_id if order_id in self.box.shop.orders else next(iter(self.box.shop.orders))
        )
        event = event or usual
        hook = Webhook("wh_1", "https://hooks.example", (event,), secret, self.box.now())
        self.box.shop.webhooks["wh_1"] = hook
        return self.box.sign_event(event, facts.pop("order_id", order_id), **facts)

    async def send(
        self, signed: Any, *, store: str | None = None, **headers: str
    ) -> httpx2.Response:
        return await self.client.post(
            f"/webhooks/{store or self.box.platform}",
            content=signed.body,
            headers={**signed.headers, **headers},
        )

    async def kept(self) -> list[tuple[str, str | None]]:
        """The events that were kept, newest first: type and order."""
        store = self.workspace.stores[self.box.platform]
        return [
            (found.event.type, found.event.order_id)
            for found in await self.mailroom.recent(store, None, 100)
        ]


@asynccontextmanager
async def opened(
    home: Path,
    platform: str = "clawver",
    secrets: Sequence[str] = (SECRET,),
    box: Sandbox | None = None,
    **variables: str,
) -> AsyncIterator[Post]:
    box = box or Sandbox(platform=platform)
    config = f'[stores.{platform}]\nplatform = "{platform}"\nkey = "{box.api_key}"\n'
    if box.store_id:
        config += f'store_id = "{box.store_id}"\n'
    config += f"webhook_secrets = {json.dumps(list(secrets))}\n" if secrets else ""
    workspace = open_workspace(home, box, config=config, variables=variables)
    mailroom = workspace.mailroom
    post = Post(box, workspace, mailroom)
    try:
        yield post
    finally:
        await post.client.aclose()
        await mailroom.aclose()
        await workspace.aclose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def broken(home: Path) -> Path:
    """A home whose ledger is none."""
    home.mkdir(mode=0o700)
    (home / "ledger.db").write_bytes(b"not a ledger")
    (home / "ledger.db").chmod(0o600)
    return home


# --- what is taken --------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_w1_a_valid_event_is_kept_once_however_often_it_comes(
    home: Path, platform: str
) -> None:
    async with opened(home, platform) as post:
        signed = post.signed()
        answers = [await post.send(signed) for _ in range(10)]
        assert [answer.status_code for answer in answers] == [200] * 10
        assert [answer.json()["new"] for answer in answers] == [True, *[False] * 9]
        ((kind, order_id),) = await post.kept()
    assert kind == PLATFORMS[platform][1]
    assert order_id is not None
    order = await post.workspace.stores[platform].get_order(order_id)
    assert order.order_id == order_id


async def test_w1_a_repetition_is_known_by_the_next_process(home: Path) -> None:
    async with opened(home) as post:
        signed = post.signed(at=datetime(2026, 11, 21, tzinfo=UTC))
        assert (await post.send(signed)).json()["new"] is True
    async with opened(home) as post:
        again = post.signed(
            at=datetime(2026, 11, 21, tzinfo=UTC), data=json.loads(signed.body)["data"]
        )
        assert again.body == signed.body
        assert (await post.send(again)).json()["new"] is False


async def test_w5_while_a_secret_is_changed_both_are_taken(home: Path) -> None:
    async with opened(home, secrets=(SECRET, OLD)) as post:
        for secret in (SECRET, OLD):
            event = post.signed(secret=secret, at=datetime.now(UTC))
            assert (await post.send(event)).status_code == 200


async def test_w7_what_cannot_be_an_id_is_dropped_and_nothing_is_fetched(home: Path) -> None:
    hostile: list[Mapping[str, Any]] = [
        {"orderId": "../../admin"},
        {"orderId": "https://169.254.169.254/"},
        {"orderId": {"$ne": 1}},
        {"url": "https://evil.example/steal"},
        {},
    ]
    async with opened(home) as post:
        for data in hostile:
            answer = await post.send(post.signed("order.refunded", data=data))
            assert answer.status_code == 200
        assert await post.kept() == [("order.refunded", None)] * len(hostile)
        await post.mailroom.aclose()
    assert post.box.requests == []


async def test_a_signed_body_that_is_no_json_is_kept_as_unreadable(home: Path) -> None:
    from order_skills.sandbox.clawver_wire import signature

    async with opened(home) as post:
        signed = post.signed()
        for body in (b"", b"[]", b"{", b'{"event": 5}', b'{"event":"a","event":"b"}'):
            headers = {**signed.headers, "x-claw-signature": signature(SECRET, body)}
            answer = await post.client.post("/webhooks/clawver", content=body, headers=headers)
            assert answer.status_code == 200
        assert {kind for kind, _ in await post.kept()} == {"unreadable"}


async def test_w9_events_in_any_order_are_kept_as_they_come(home: Path) -> None:
    now = datetime.now(UTC)
    async with opened(home) as post:
        for event, hours in (("order.refunded", 0), ("order.paid", 5), ("order.shipped", 2)):
            await post.send(post.signed(event, at=now - timedelta(hours=hours)))
        assert [kind for kind, _ in await post.kept()] == [
            "order.shipped",
            "order.paid",
            "order.refunded",
        ]


# --- what is turned away --------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_w2_bytes_that_were_not_signed_are_turned_away(home: Path, platform: str) -> None:
    async with opened(home, platform) as post:
        signed = post.signed()
        held = json.loads(signed.body)
        changed = [
            signed.body + b" ",
            signed.body.replace(b'": ', b'":', 1),
            signed.body[:-1],
            json.dumps(held, indent=1).encode(),
            json.dumps(dict(reversed(held.items()))).encode(),
            signed.body.replace(b"\n", b"\r\n") + b"\r\n",
        ]
        for body in changed:
            answer = await post.client.post(
                f"/webhooks/{platform}", content=body, headers=signed.headers
            )
            assert answer.status_code == 401, body
            assert answer.content == b""
        assert await post.kept() == []


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_w4_another_secret_is_turned_away(home: Path, platform: str) -> None:
    async with opened(home, platform) as post:
        assert (await post.send(post.signed(secret=OLD))).status_code == 401
        assert await post.kept() == []


SIGNATURES = ["", "sha256=", "sha256=ab", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "x" * 5000]


@pytest.mark.parametrize("signature", SIGNATURES)
async def test_w3_a_signature_of_another_form_is_turned_away(home: Path, signature: str) -> None:
    async with opened(home) as post:
        signed = post.signed()
        assert (await post.send(signed, **{"x-claw-signature": signature})).status_code == 401


async def test_w3_without_a_signature_or_with_two_it_is_turned_away(home: Path) -> None:
    async with opened(home) as post:
        signed = post.signed()
        kind = ("content-type", "application/json")
        good = ("x-claw-signature", signed.headers["x-claw-signature"])
        for headers in ([kind], [kind, good, good], [kind, good, (good[0], "sha256=00")]):
            answer = await post.client.post(
                "/webhooks/clawver", content=signed.body, headers=headers
            )
            assert answer.status_code == 401
        assert await post.kept() == []


async def test_w3_a_signature_that_is_no_ascii_is_turned_away(home: Path) -> None:
    async with opened(home) as post:
        signed = post.signed()
        headers = [
            (b"content-type", b"application/json"),
            (b"x-claw-signature", b"sha256=\xe9" * 9),
        ]
        answer = await post.client.post("/webhooks/clawver", content=signed.body, headers=headers)
        assert answer.status_code == 401


@pytest.mark.parametrize("platform", ["paynow", "cloove"])
@pytest.mark.parametrize("off", [timedelta(days=-365), timedelta(minutes=-6), timedelta(minutes=6)])
async def test_w6_a_time_that_is_signed_and_far_off_is_turned_away(
    home: Path, platform: str, off: timedelta
) -> None:
    async with opened(home, platform) as post:
        answer = await post.send(post.signed(at=datetime.now(UTC) + off))
        assert answer.status_code == 401


async def test_w10_a_body_that_is_too_large_is_turned_away_by_its_head_or_as_it_comes(
    home: Path,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    async with opened(home) as post:
        signed = post.signed()
        large = await post.client.post(
            "/webhooks/clawver", content=b" " * (MAX_BYTES + 1), headers=signed.headers
        )
        chunked = await post.client.post(
            "/webhooks/clawver", content=endless(), headers=signed.headers
        )
        assert (large.status_code, chunked.status_code) == (413, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-encoding": "gzip"},
    ],
)
async def test_w10_another_kind_of_body_is_turned_away(home: Path, headers: dict[str, str]) -> None:
    async with opened(home) as post:
        signed = post.signed()
        body = gzip.compress(signed.body) if "content-encoding" in headers else signed.body
        answer = await post.client.post(
            "/webhooks/clawver", content=body, headers={**signed.headers, **headers}
        )
        assert answer.status_code == 415


@asynccontextmanager
async def hurried(post: Post, **limits: float) -> AsyncIterator[httpx2.AsyncClient]:
    """The receiver with less patience."""
    receiver = Receiver(senders(post.workspace.settings), post.mailroom.keep, **limits)
    transport = httpx2.ASGITransport(app=Starlette(routes=[receiver.route()]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def test_w11_a_body_that_does_not_end_is_turned_away_and_the_next_one_taken(
    home: Path,
) -> None:
    async def endless(begun: bytes) -> AsyncIterator[bytes]:
        yield begun
        await asyncio.Event().wait()

    async with opened(home) as post, hurried(post, body_seconds=0.05) as client:
        signed = post.signed()
        address = "/webhooks/clawver"
        slow = await client.post(address, content=endless(signed.body), headers=signed.headers)
        assert slow.status_code == 408
        assert await post.kept() == []
        taken = await client.post(address, content=signed.body, headers=signed.headers)
        assert taken.json()["new"] is True


async def test_w13_a_ledger_that_takes_too_long_is_answered_with_come_again(home: Path) -> None:
    async with opened(home) as post, hurried(post, keep_seconds=0.05) as client:
        signed = post.signed()
        held, release = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            held.set()
            release.wait(PATIENCE)

        # Its turn with the ledger is taken by somebody who takes his time.
        holding = asyncio.create_task(post.workspace.desk.ledger.run(hold))
        assert await asyncio.to_thread(held.wait, PATIENCE)
        late = await client.post("/webhooks/clawver", content=signed.body, headers=signed.headers)
        release.set()
        await holding
        assert (late.status_code, late.headers["retry-after"]) == (503, "30")
        assert (await post.send(signed)).status_code == 200
        assert len(await post.kept()) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"])
async def test_w12_every_other_method_is_turned_away(home: Path, method: str) -> None:
    async with opened(home) as post:
        assert (await post.client.request(method, "/webhooks/clawver")).status_code == 405


@pytest.mark.parametrize("store", ["other", "Clawver", "clawver%2f..", "paynow"])
async def test_a_store_that_is_not_here_is_not_found(home: Path, store: str) -> None:
    async with opened(home) as post:
        assert (await post.send(post.signed(), store=store)).status_code == 404


async def test_a_store_without_a_secret_takes_nothing(home: Path) -> None:
    async with opened(home, secrets=()) as post:
        assert (await post.send(post.signed())).status_code == 404


async def test_w14_a_flood_of_bad_signatures_touches_no_ledger_and_logs_a_line(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(home) as post:
        bad = post.signed(secret=OLD)
        answers = [(await post.send(bad)).status_code for _ in range(1_000)]
        assert set(answers) == {401}
        assert not (home / "ledger.db").exists()
    refused = [r for r in caplog.records if r.name == "order_skills.webhooks.receiver"]
    assert len(refused) == 1


# --- what becomes of it ---------------------------------------------------------------------


async def test_w13_a_ledger_that_is_down_is_answered_with_come_again_and_nothing_is_lost(
    broken: Path,
) -> None:
    async with opened(broken) as post:
        signed = post.signed()
        answer = await post.send(signed)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        await asyncio.to_thread((broken / "ledger.db").unlink)
        assert (await post.send(signed)).json()["new"] is True


async def test_an_event_of_a_refund_settles_one_whose_answer_was_lost(home: Path) -> None:
    async with opened(home, ORDER_SKILLS_APPROVAL="never") as post:
        store, desk = post.workspace.stores["clawver"], post.workspace.desk
        post.box.faults.add(Fault("reset_after", method="POST"))
        request = Request("ord_1003", "came late", amount_minor=500)
        lost = (await desk.refund(store, request)).intent
        assert lost.state is State.UNKNOWN
        assert (await post.send(post.signed("order.refunded"))).status_code == 200
        await post.mailroom.aclose()
        (found,) = await desk.history(store, "ord_1003")
        assert found.state is State.SUCCEEDED
    assert post.box.request_count("POST") == 1


async def test_a_process_that_only_reads_keeps_the_event_and_settles_nothing(home: Path) -> None:
    box = Sandbox()
    async with opened(home, box=box, ORDER_SKILLS_APPROVAL="never") as post:
        store, desk = post.workspace.stores["clawver"], post.workspace.desk
        box.faults.add(Fault("reset_after", method="POST"))
        await desk.refund(store, Request("ord_1003", "came late", amount_minor=500))
    async with opened(home, box=box, ORDER_SKILLS_READ_ONLY="1") as post:
        asked = box.request_count()
        assert (await post.send(post.signed("order.refunded"))).json()["new"] is True
        await post.mailroom.aclose()
        store, desk = post.workspace.stores["clawver"], post.workspace.desk
        (found,) = await desk.history(store, "ord_1003")
        assert found.state is State.UNKNOWN
        assert box.request_count() == asked


async def test_w9_an_event_that_overtakes_the_answer_to_our_own_refund_changes_nothing(
    home: Path,
) -> None:
    async with opened(home, ORDER_SKILLS_APPROVAL="never") as post:
        store, desk = post.workspace.stores["clawver"], post.workspace.desk
        post.box.faults.add(Fault("latency", method="POST", seconds=0.5))
        request = Request("ord_1003", "came late", amount_minor=500)
        making = asyncio.create_task(desk.refund(store, request))
        async with asyncio.timeout(PATIENCE):
            while not post.box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                await asyncio.sleep(0.01)
        assert not making.done()
        assert (await post.send(post.signed("order.refunded"))).json()["new"] is True
        assert (await making).intent.state is State.SUCCEEDED
        await post.mailroom.aclose()
        (found,) = await desk.history(store, "ord_1003")
        assert found.state is State.SUCCEEDED
    assert post.box.request_count("POST") == 1


async def test_an_event_alone_proves_nothing(home: Path) -> None:
    """It says refunded; the store does not show it; so nothing is concluded."""
    async with opened(home, ORDER_SKILLS_APPROVAL="never") as post:
        store, desk = post.workspace.stores["clawver"], post.workspace.desk
        post.box.faults.add(Fault("reset_before", method="POST"))
        request = Request("ord_1003", "came late", amount_minor=500)
        await desk.refund(store, request)
        await post.send(post.signed("order.refunded"))
        await post.mailroom.aclose()
        (found,) = await desk.history(store, "ord_1003")
        assert found.state is State.UNKNOWN


async def test_w8_an_event_of_an_order_that_nothing_is_in_doubt_of_reads_nothing(
    home: Path,
) -> None:
    async with opened(home) as post:
        for _ in range(5):
            await post.send(post.signed("order.refunded", at=datetime.now(UTC)))
        await post.mailroom.aclose()
    assert post.box.requests == []


async def test_ten_events_at_once_are_ten_events(home: Path) -> None:
    now = datetime.now(UTC)
    async with opened(home) as post:
        events = [post.signed(at=now + timedelta(seconds=n)) for n in range(10)]
        answers = await asyncio.gather(*(post.send(event) for event in events))
        assert [answer.json()["new"] for answer in answers] == [True] * 10
        assert len(await post.kept()) == 10


@pytest.mark.parametrize("secret", ["", "short", " " * 20])
def test_w4_a_secret_that_is_none_or_too_short_stops_the_start(
    home: Path, tmp_path: Path, secret: str
) -> None:
    box = Sandbox()
    config = tmp_path / "config.toml"
    config.write_text(
        f'[stores.clawver]\nplatform = "clawver"\nkey = "{box.api_key}"\n'
        f'webhook_secrets = ["{secret}"]\n'
    )
    config.chmod(0o600)
    with pytest.raises(Exception, match="16 characters"):
        settings.load({**keys_of(box), "ORDER_SKILLS_HOME": str(home)}, config)


# --- secrets that come and go ---------------------------------------------------------------


async def test_a_secret_that_is_kept_while_it_runs_counts_at_once(home: Path) -> None:
    file = SecretFile(home, "clawver")
    async with opened(home, secrets=()) as post:
        assert (await post.send(post.signed())).status_code == 404
        await asyncio.to_thread(file.add, Secret(OLD))
        assert (await post.send(post.signed())).status_code == 401
        await asyncio.to_thread(file.add, Secret(SECRET))
        for secret in (SECRET, OLD):
            assert (await post.send(post.signed(secret=secret))).status_code == 200
        await asyncio.to_thread(file.drop_old)
        assert (await post.send(post.signed(secret=OLD))).status_code == 401
        assert (await post.send(post.signed())).status_code == 200


async def test_secrets_that_cannot_be_read_are_answered_with_come_again_and_one_line_of_log(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / "webhook-secrets-clawver.json"
    async with opened(home) as post:
        signed = post.signed()
        await asyncio.to_thread(SecretFile(home, "clawver").add, Secret(OLD))
        held = await asyncio.to_thread(path.read_bytes)
        await asyncio.to_thread(path.write_bytes, b"{")
        for _ in range(100):
            answer = await post.send(signed)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        await asyncio.to_thread(path.write_bytes, held)
        assert (await post.send(signed)).json()["new"] is True
    (line,) = [r for r in caplog.records if r.name == "order_skills.webhooks.receiver"]
    assert "webhook-secrets-clawver.json" in line.getMessage()
    assert OLD not in caplog.text


async def test_a_served_store_takes_a_secret_that_another_process_made(
    home: Path,
) -> None:
    box = Sandbox()
    hook = Webhook("wh", "https://x.example", ("order.shipped",), SECRET, box.now())
    box.shop.webhooks["wh"] = hook
    signed = box.sign_event("order.shipped", "ord_1003")
    server = await asyncio.create_subprocess_exec(
        *serve("--http", "127.0.0.1:0"),
        env=environment(home, **keys_of(box)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stderr is not None
        root = (await server.stderr.readline()).decode().split()[-1].removesuffix("/mcp")
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            ask = partial(client.post, f"{root}/webhooks/clawver", headers=signed.headers)
            assert (await ask(content=signed.body)).status_code == 404
            await asyncio.to_thread(SecretFile(home, "clawver").add, Secret(SECRET))
            assert (await ask(content=signed.body)).json() == {"received": True, "new": True}
    finally:
        server.terminate()
        await server.communicate()
