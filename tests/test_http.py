"""What a call to a store sends, what it never sends, and when a read is tried again."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

import order_skills
from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call, Deadlines, is_path_id
from raw_store import GET, KEY, KEY_HEADER, POST, Peer, RawStore, answer, calling, reply, says

REDIRECTS = (301, 302, 303, 307, 308)
# Groups A9 to A11: what must never stand in a path.
HOSTILE_IDS = [
    "",
    " ",
    ".",
    "..",
    "../../webhooks",
    "../webhooks",
    "o1/../x",
    "o1/x",
    "/o1",
    "%2e%2e",
    "o1%2Frefund",
    "o1?x=1",
    "o1#f",
    "o1;a",
    "\\..\\x",
    "o1\r\nX-Evil: 1",
    "o1\n",
    "o1\x00",
    "o1\t",
    "\u202eo1",
    "o1\u200b",
    "ｏ１",
    "é1",
    "-o1",
    "{o}",
    "o" * 129,
    "o" * 5_000,
]


# --- what is sent -----------------------------------------------------------------------------


async def test_a_read_carries_the_key_asks_for_plain_json_and_says_who_is_calling():
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(GET)
    (request,) = store.requests
    assert (request.method, request.target, request.body) == ("GET", "/v1/orders/ord_1", b"")
    assert request.values(KEY_HEADER) == [KEY]
    assert request.values("host") == [store.url.removeprefix("http://")]
    assert request.values("accept") == ["application/json"]
    assert request.values("accept-encoding") == ["identity"]
    assert request.values("user-agent") == [f"order-skills/{order_skills.__version__}"]
    names = {name for name, _ in request.headers}
    own = {KEY_HEADER, "host", "accept", "accept-encoding", "user-agent", "connection"}
    assert names == own


async def test_a_write_carries_the_key_and_its_body_as_json():
    async with RawStore(answer(200, b'{"success":true}')) as store, calling(store.url) as caller:
        done = await caller.client.write(POST)
    (request,) = store.requests
    assert (request.method, request.target) == ("POST", "/v1/orders/ord_1/refund")
    assert request.body == b'{"amountInCents":500}'
    assert request.values("content-type") == ["application/json"]
    assert request.values(KEY_HEADER) == [KEY]
    assert (done.status, done.json) == (200, {"success": True})


async def test_a_public_call_carries_no_key():
    public = Call("GET", "/checkout/{c}/receipt", {"c": "c1"}, key=False)
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(public)
    assert store.requests[0].target == "/v1/checkout/c1/receipt"
    assert KEY.encode() not in store.heard


async def test_an_id_and_the_query_arrive_as_they_were_meant():
    call = Call("GET", "/orders/{o}", {"o": "a:b.c_d-E9"}, query=[("q", "a b&c=é#"), ("q", "2")])
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(call)
    assert store.requests[0].target == "/v1/orders/a%3Ab.c_d-E9?q=a+b%26c%3D%C3%A9%23&q=2"


@pytest.mark.parametrize("order_id", HOSTILE_IDS, ids=ascii)
async def test_a_hostile_id_never_reaches_the_network(order_id):
    assert not is_path_id(order_id)
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        with pytest.raises(ValueError, match="o cannot stand in a path"):
            await caller.client.read(Call("GET", "/orders/{o}", {"o": order_id}))
        with pytest.raises(ValueError, match="o cannot stand in a path"):
            await caller.client.write(Call("POST", "/orders/{o}/refund", {"o": order_id}))
    assert store.connections == 0


@pytest.mark.parametrize("value", [None, 1, True, b"o1", ["o1"]])
def test_only_text_is_an_id(value):
    assert not is_path_id(value)


@pytest.mark.parametrize("template", ["/a/../b", "/a/./b", "/..", "/a b", "/a?x=1", "/a#f"])
async def test_a_path_that_the_library_would_change_is_not_sent(template):
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        with pytest.raises(ValueError, match="the path changed"):
            await caller.client.write(Call("POST", template))
    assert store.connections == 0


async def test_a_request_that_writes_cannot_go_the_way_that_tries_again():
    async with RawStore(answer(500)) as store, calling(store.url) as caller:
        with pytest.raises(ValueError, match="only a GET"):
            await caller.client.read(POST)
    assert store.connections == 0


# --- redirects, cookies, proxies --------------------------------------------------------------


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("target", ["own", "foreign"])
async def test_a_redirect_is_not_followed_and_the_key_stays(status, target):
    async with RawStore(answer(200)) as foreign, RawStore() as store:
        origin = store.url if target == "own" else foreign.url
        redirect = answer(status, b"{}", f"Location: {origin}/v1/elsewhere")
        store.scripts = (redirect,)
        async with calling(store.url) as caller:
            with pytest.raises(StoreError) as read:
                await caller.client.read(GET)
            with pytest.raises(StoreError) as written:
                await caller.client.write(POST)
    assert [r.method for r in store.requests] == ["GET", "POST"]
    assert foreign.connections == 0
    assert (read.value.code, read.value.happened) == (Code.STORE_BAD_ANSWER, Happened.NO)
    assert (written.value.code, written.value.happened) == (
        Code.STORE_BAD_ANSWER,
        Happened.UNKNOWN,
    )
    assert written.value.status == status


@pytest.mark.parametrize(
    "location",
    ["http://xn--a/", "http://xn--0.com", "http://[::1", "//", "http://h:99999/", "javascript:1"],
)
async def test_the_target_of_a_redirect_is_not_even_read(location):
    redirect = answer(302, b"", f"Location: {location}")
    async with RawStore(redirect) as store, calling(store.url) as caller:
        with pytest.raises(StoreError) as caught:
            await caller.client.write(POST)
    assert (caught.value.status, caught.value.happened) == (302, Happened.UNKNOWN)
    assert len(store.requests) == 1


@pytest.mark.parametrize(
    "cookies",
    [
        ["Set-Cookie: session=steered; Path=/"],
        # The standard jar fails on this pair.
        ["Set-Cookie: a=b; expires=x; Max-Age=1", "Set-Cookie2: a=b; expires=x; version=1"],
    ],
)
async def test_a_cookie_is_neither_kept_nor_sent(cookies):
    async with RawStore(answer(200, b"{}", *cookies)) as store, calling(store.url) as caller:
        await caller.client.read(GET)
        await caller.client.read(GET)
        await caller.client.write(POST)
    assert [request.values("cookie") for request in store.requests] == [[], [], []]


PROXY_CHILD = """
import asyncio, sys
from order_skills.http import Call, StoreClient
async def main(url, trust):
    client = StoreClient("Clawver", url, {"x-api-key": "k"}, trust_env=trust)
    print((await client.read(Call("GET", "/a"))).json)
    await client.aclose()
asyncio.run(main(sys.argv[1], sys.argv[2] == "trust"))
"""


@pytest.mark.parametrize("trust", ["trust", "ignore"])
async def test_proxies_of_the_environment_are_used_only_where_asked_for(trust):
    async with RawStore(answer(200, b'"proxy"')) as proxy, RawStore(answer(200, b'"store"')) as own:
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
        environment = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}
        environment |= dict.fromkeys(names, proxy.url)
        environment["PYTHONPATH"] = str(Path(order_skills.__file__).parents[1])
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROXY_CHILD, own.url, trust),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await child.communicate()
    asked = (proxy.connections, own.connections)
    assert (said.split(), asked) == (
        ([b"proxy"], (1, 0)) if trust == "trust" else ([b"store"], (0, 1))
    )


# --- connections ------------------------------------------------------------------------------


async def test_reads_share_a_connection_and_each_write_has_its_own():
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(GET)
        await caller.client.read(GET)
        assert store.connections == 1
        await caller.client.write(POST)
        await caller.client.write(POST)
        assert store.connections == 3
        await caller.client.read(GET)
        assert store.connections == 3


async def test_a_kept_connection_that_the_store_closed_is_not_used_again():
    async def closes(peer: Peer) -> None:
        await peer.send(reply(200))
        await peer.close()

    async with RawStore(closes, answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(GET)
        await caller.client.write(POST)
        await caller.client.read(GET)
    assert [request.method for request in store.requests] == ["GET", "POST", "GET"]
    assert (store.connections, caller.waits) == (3, [])


async def test_slow_reads_that_hold_every_connection_do_not_hold_up_a_write():
    full = asyncio.Event()

    async def by_method(peer: Peer) -> None:
        if len(store.requests) == 100:
            full.set()
        await (says(then=Peer.hang) if peer.request.method == "GET" else answer(200))(peer)

    async with RawStore(by_method) as store, calling(store.url) as caller:
        reads = [asyncio.ensure_future(caller.client.read(GET)) for _ in range(101)]
        try:
            async with asyncio.timeout(30):
                await full.wait()
            assert (await caller.client.write(POST)).status == 200
            assert store.connections == 101
        finally:
            for task in reads:
                task.cancel()
            await asyncio.gather(*reads, return_exceptions=True)


async def test_a_client_can_be_closed_twice_and_used_again():
    async with RawStore(answer(200)) as store, calling(store.url) as caller:
        await caller.client.aclose()
        await caller.client.read(GET)
        await caller.client.aclose()
        await caller.client.aclose()
        await caller.client.read(GET)
    assert store.connections == 2


def test_the_deadlines_stay_below_what_hosts_wait_for():
    usual = Deadlines()
    assert (usual.connect, usual.write, usual.read) == (5, 10, 30)
    assert usual.read < usual.call < 50
