"""Webhooks out: nothing leaves without a listed host, a person who types it, and a kept secret."""

import json
import stat
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestParams, ElicitResult, ErrorData, InputRequiredResult
from starlette.applications import Starlette

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.clawver_wire import EVENTS_NEW
from order_skills.webhooks.endpoints import EVENTS
from order_skills.webhooks.mailroom import senders
from order_skills.webhooks.receiver import Receiver
from support import ERAS, NO_RETRY, Door, Person, edited, open_door, text_of

HOST = "hooks.example.com"
URL = f"https://{HOST}/webhooks/clawver"
STRANGE = "https://evil.example/services/T0K3N"
CREATE: dict[str, Any] = {"url": URL, "events": ["order.paid", "order.refunded"]}
NAMES = ("list_webhooks", "create_webhook", "delete_webhook")


class Approver(Person):
    """A person who types a host name; None: the one that the form asks for."""

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        answer = await super().__call__(context, params)
        if isinstance(answer, ElicitResult) and answer.content:
            (field,) = self.schemas[-1]["required"]
            return ElicitResult(action="accept", content={field: answer.content["amount"]})
        return answer


def config(box: Sandbox, *stores: str, hosts: object = (HOST,), policy: str = "") -> str:
    """A settings file with stores on this sandbox that may have webhooks at these hosts."""
    tables = [
        f'[stores.{name}]\nplatform = "clawver"\nkey = "{box.api_key}"\n'
        + (f"webhook_hosts = {json.dumps(list(hosts))}\n" if hosts else "")  # type: ignore[call-overload]
        for name in stores or ("clawver",)
    ]
    return "\n".join([policy, *tables])


@asynccontextmanager
async def opened(
    home: Path, box: Sandbox, person: Person | None = None, **more: Any
) -> AsyncIterator[Door]:
    """The door of a store whose owner allows webhooks at one host."""
    async with open_door(
        home, **{"box": box, "config": config(box), **more}, person=person
    ) as door:
        yield door


def kept(home: Path, store: str = "clawver") -> list[dict[str, str]]:
    """The secrets that are kept for the receiver."""
    path = home / f"webhook-secrets-{store}.json"
    if not path.exists():
        return []
    found: list[dict[str, str]] = json.loads(path.read_text())["secrets"]
    return found


def modes(home: Path) -> dict[str, int]:
    """The rights of the folder of state, and of all that is kept there of webhooks."""
    paths = {"home": home, **{path.name: path for path in home.glob("*webhook*")}}
    return {name: stat.S_IMODE(path.stat().st_mode) for name, path in paths.items()}


def harmed(home: Path, harm: str) -> None:
    """A file of secrets that cannot be used."""
    home.mkdir(mode=0o700)
    path = home / "webhook-secrets-clawver.json"
    if harm == "folder":
        path.mkdir()
    else:
        path.write_text("{}" if harm == "garbage" else '{"secrets": []}')
        path.chmod(0o600 if harm == "garbage" else 0o644)


def posts(box: Sandbox) -> int:
    return box.request_count("POST")


def strange(box: Sandbox, url: str = STRANGE) -> str:
    """Somebody registered an address of their own; the store's id of it."""
    return box.shop.add_webhook(url, ("order.paid",), "x" * 16, box.now()).id


# --- whether they are there -----------------------------------------------------------------


async def test_they_are_listed_only_where_the_owner_named_hosts(home: Path, box: Sandbox) -> None:
    async with opened(home, box) as door:
        assert list(door.tools)[-3:] == list(NAMES)
        assert "recent_events" in door.tools
    async with opened(home, box, config=config(box, hosts=())) as door:
        assert not set(NAMES) & set(door.tools)
        for name in NAMES:
            text = await door.error(name)
            assert text.startswith("NOT_SUPPORTED: the owner has not set up")
        assert box.requests == []


async def test_a_server_that_only_reads_lists_and_changes_nothing(home: Path, box: Sandbox) -> None:
    async with opened(home, box, ORDER_SKILLS_READ_ONLY="1") as door:
        assert set(NAMES) & set(door.tools) == {"list_webhooks"}
        assert await door.code("create_webhook", **CREATE) is Code.READ_ONLY
        assert await door.code("delete_webhook", webhook_id="wh_1") is Code.READ_ONLY
        assert box.requests == []


async def test_a_store_without_hosts_beside_one_with_them_is_refused(
    home: Path, box: Sandbox
) -> None:
    text = config(box, "east") + "\n" + config(box, "west", hosts=())
    async with opened(home, box, Approver(), config=text) as door:
        for name, arguments in (("list_webhooks", {}), ("create_webhook", CREATE)):
            error = await door.error(name, store="west", **arguments)
            assert error.startswith("NOT_SUPPORTED: the owner has allowed no webhook changes")
        assert box.requests == []
        made = await door.answer("create_webhook", store="east", **CREATE)
        assert made["outcome"] == "created"
    assert (len(kept(home, "east")), kept(home, "west")) == (1, [])


async def test_their_hints_are_honest(home: Path, box: Sandbox) -> None:
    async with opened(home, box) as door:
        hints = {name: door.tools[name].annotations for name in NAMES}
    assert all(hint and hint.open_world_hint for hint in hints.values())
    assert [hint.read_only_hint for hint in hints.values() if hint] == [True, False, False]
    assert [hint.destructive_hint for hint in hints.values() if hint] == [False, True, True]


async def test_the_events_are_the_documented_words(home: Path, box: Sandbox) -> None:
    async with opened(home, box) as door:
        schema = door.tools["create_webhook"].input_schema["properties"]["events"]
    assert schema["items"]["enum"] == list(EVENTS["clawver"])
    assert EVENTS["clawver"].keys() == set(EVENTS_NEW)


# --- create ---------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_a_person_who_types_the_host_registers_it_once(
    home: Path, box: Sandbox, era: str
) -> None:
    person = Approver()
    async with opened(home, box, person, era=era) as door:
        made = await door.answer("create_webhook", **CREATE)
        assert (made["outcome"], made["host"]) == ("created", HOST)
        assert made["events"] == CREATE["events"]
        again = await door.answer("create_webhook", **CREATE)
        assert (again["outcome"], again["webhook_id"]) == ("already_there", made["webhook_id"])
        listed = await door.answer("list_webhooks")
    assert len(person.forms) == 1
    assert posts(box) == 1
    (hook,) = box.shop.webhooks.values()
    assert (hook.url, list(hook.events)) == (URL, CREATE["events"])
    assert listed == {
        "webhooks": [
            {
                "webhook_id": hook.id,
                "host": HOST,
                "url": URL,
                "events": CREATE["events"],
                "allowed": True,
            }
        ],
        "allowed_hosts": [HOST],
    }


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
async def test_the_secret_is_made_here_kept_for_the_receiver_and_shown_to_nobody(
    home: Path, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    person = Approver()
    caplog.set_level("DEBUG")
    async with opened(home, box, person) as door:
        told = [text_of(await door.call("create_webhook", **CREATE))]
        told += [text_of(await door.call(name)) for name in ("list_webhooks", "recent_events")]
    (hook,) = box.shop.webhooks.values()
    (entry,) = kept(home)
    assert entry["secret"] == hook.secret
    assert (entry["url"], entry["webhook_id"]) == (URL, hook.id)
    assert len(hook.secret) >= 32
    assert hook.secret not in "\n".join([*told, *person.forms, caplog.text])
    assert modes(home) == {"home": 0o700, "webhook-secrets-clawver.json": 0o600}


async def test_no_two_endpoints_share_a_secret(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        for events in (["order.paid"], ["order.shipped"]):
            await door.answer("create_webhook", url=URL, events=events)
    assert len({hook.secret for hook in box.shop.webhooks.values()}) == 2
    assert {entry["secret"] for entry in kept(home)} == {
        hook.secret for hook in box.shop.webhooks.values()
    }


async def test_a_receiver_that_runs_takes_the_new_secret_at_once(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        assert door.workspace is not None
        receiver = Receiver(senders(door.workspace.settings), door.workspace.mailroom.keep)
        transport = httpx2.ASGITransport(app=Starlette(routes=[receiver.route()]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            early = await client.post("/webhooks/clawver", json={})
            assert early.status_code == 404
            made = await door.answer("create_webhook", **CREATE)
            signed = box.sign_event("order.paid", "ord_1003")
            post = partial(client.post, "/webhooks/clawver", headers=signed.headers)
            assert (await post(content=signed.body)).status_code == 200
            assert (await post(content=signed.body + b" ")).status_code == 401
            events = await door.answer("recent_events")
            assert [event["type"] for event in events["events"]] == ["order.paid"]
            await door.answer("delete_webhook", webhook_id=made["webhook_id"])
            # Its secret went with it.
            assert (await post(content=signed.body)).status_code == 404


async def test_the_form_shows_where_it_goes_what_and_what_it_carries(
    home: Path, box: Sandbox
) -> None:
    person = Approver("cancel")
    async with opened(home, box, person) as door:
        await door.answer(
            "create_webhook", url=f"{URL}?a=1", events=["order.paid", "review.received"]
        )
    (form,) = person.forms
    lines = dict(line.split(": ", 1) for line in form.splitlines()[1:])
    assert lines == {
        "Store": "clawver",
        "Host": HOST,
        "Address": f"{URL}?a=1",
        "Events": "order.paid (an order was paid); review.received (a customer wrote a review)",
        "Each carries": "order: the order's id, its total and its items; "
        "review: the review's and the order's id and the rating",
        "Customers' data": "none is documented; the store does not rule out that items hold some",
        "To approve, type the host name": HOST,
    }
    (schema,) = person.schemas
    assert schema["required"] == list(schema["properties"]) == ["host"]
    assert schema["properties"]["host"]["type"] == "string"
    assert "default" not in schema["properties"]["host"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "person",
    [
        Approver(typed="yes"),
        Approver(typed=""),
        Approver(typed=URL),
        Approver(typed=HOST.upper()),
        Approver(typed=f"{HOST}."),
        Approver(typed=True),
        Approver("decline"),
        Approver("cancel"),
    ],
    ids=["yes", "nothing", "the address", "capitals", "a dot", "true", "declined", "cancelled"],
)
async def test_anything_but_the_host_as_shown_registers_nothing(
    home: Path, box: Sandbox, era: str, person: Approver
) -> None:
    async with opened(home, box, person, era=era) as door:
        answer = await door.answer("create_webhook", **CREATE)
    assert answer["outcome"] == "not_approved"
    assert "nothing was sent" in answer["message"]
    assert "order-skills webhooks add URL --events order.paid,order.refunded`" in answer["next"]
    assert (posts(box), kept(home)) == (0, [])


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_no_that_holds_the_host_name_is_a_no(home: Path, box: Sandbox, action: Any) -> None:
    async def answer(*_: object) -> ElicitResult:
        return ElicitResult(action=action, content={"host": HOST})

    async with opened(home, box, answer) as door:  # type: ignore[arg-type]
        made = await door.answer("create_webhook", **CREATE)
    assert (made["outcome"], posts(box)) == ("not_approved", 0)


@pytest.mark.parametrize("closed", ["no form", "doors", "passphrase"])
async def test_where_no_form_may_be_shown_the_command_is_named(
    home: Path, box: Sandbox, closed: str
) -> None:
    from order_skills.passphrase import hashed

    person = None if closed == "no form" else Approver()
    policy = f'approval_passphrase = "{hashed("one two three")}"' if closed == "passphrase" else ""
    doors = {"ORDER_SKILLS_APPROVAL_DOORS": "command"} if closed == "doors" else {}
    text = config(box, "east", "west", policy=policy)
    async with opened(home, box, person, config=text, **doors) as door:
        refused = await door.error("create_webhook", store="west", **CREATE)
        webhook_id = strange(box)
        removal = await door.error("delete_webhook", store="west", webhook_id=webhook_id)
    assert refused.startswith("NOT_SUPPORTED: ")
    command = "order-skills webhooks add URL --events order.paid,order.refunded --store west"
    assert f"`{command}`" in refused
    assert URL not in refused
    assert f"`order-skills webhooks remove {webhook_id} --store west`" in removal
    assert (posts(box), kept(home, "west")) == (0, [])
    assert webhook_id in box.shop.webhooks


async def test_an_answer_to_other_arguments_approves_nothing(home: Path, box: Sandbox) -> None:
    answer = ElicitResult(action="accept", content={"host": HOST})
    async with opened(home, box, Approver(), era=ERAS[-1]) as door:
        call = partial(door.client.session.call_tool, "create_webhook", allow_input_required=True)
        asked = await call(CREATE)
        assert isinstance(asked, InputRequiredResult)
        for other in ({"url": f"{URL}/other"}, {"events": ["order.created"]}):
            with pytest.raises(MCPError):
                await call(
                    {**CREATE, **other},
                    input_responses={"approval": answer},
                    request_state=asked.request_state,
                )
        assert (posts(box), kept(home)) == (0, [])
        unasked = await call(CREATE, input_responses={"approval": answer})
        assert isinstance(unasked, InputRequiredResult)
        assert (posts(box), kept(home)) == (0, [])
        await call(CREATE, input_responses={"approval": answer}, request_state=asked.request_state)
        assert posts(box) == 1


EVIL = {
    "http": f"http://{HOST}/x",
    "no scheme": f"{HOST}/x",
    "capitals": f"https://{HOST.upper()}/x",
    "another host": "https://evil.example/x",
    "a host below": f"https://a.{HOST}/x",
    "a host above": "https://example.com/x",
    "a longer one": f"https://{HOST}.evil.example/x",
    "a user": f"https://{HOST}@evil.example/x",
    "a user of ours": f"https://evil@{HOST}/x",
    "a password": f"https://a:b@{HOST}/x",
    "a backslash": f"https://{HOST}\\@evil.example/x",
    "a backslash behind": f"https://evil.example\\.{HOST}/x",
    "a fragment": f"https://{HOST}/x#y",
    "a fragment in the host": f"https://evil.example#{HOST}/x",
    "a query in the host": f"https://evil.example?{HOST}/x",
    "a trailing dot": f"https://{HOST}./x",
    "two dots": "https://hooks..example.com/x",
    "port 0": f"https://{HOST}:0/x",
    "a port too high": f"https://{HOST}:65536/x",
    "no port": f"https://{HOST}:/x",
    "a port of words": f"https://{HOST}:x/x",
    "four numbers": "https://127.0.0.1/x",
    "one number": "https://2130706433/x",
    "hexadecimal": "https://0x7f000001/x",
    "six": "https://[::1]/x",
    "a space": f"https://{HOST}/ x",
    "a line": f"https://{HOST}/x\n",
    "a tab": f"https://{HOST}/\tx",
    "a zero": f"https://{HOST}/x\0",
    "not ASCII": "https://hööks.example.com/x",
    "a full stop of another script": "https://hooks。example.com/x",
    "a soft hyphen": "https://hooks\u00ad.example.com/x",
    "letters of another script": "https://hооks.example.com/x",
    "percent in the host": "https://hooks%2eexample.com/x",
    "half a percent": f"https://{HOST}/%2",
    "up": f"https://{HOST}/a/../b",
    "up, escaped": f"https://{HOST}/a/%2e%2E/b",
    "no slashes": f"https:{HOST}/x",
    "three slashes": f"https:///{HOST}/x",
    "a script": "javascript:alert(1)",
    "too long": f"https://{HOST}/{'x' * 1000}",
    "nothing": "",
}


@pytest.mark.parametrize("url", EVIL.values(), ids=EVIL)
async def test_an_address_of_another_form_or_host_is_refused_and_not_repeated(
    home: Path, box: Sandbox, url: str
) -> None:
    person = Approver()
    hosts = (HOST, "0x7f000001")
    async with opened(home, box, person, config=config(box, hosts=hosts)) as door:
        text = await door.error("create_webhook", url=url, events=["order.paid"])
    assert text.startswith("INVALID_ARGUMENT: url ")
    assert not url or url not in text
    assert "evil" not in text
    assert "Next: call create_webhook again; it takes url, events." in text
    assert (person.forms, box.requests) == ([], [])


async def test_a_refused_host_is_told_with_those_that_are_allowed(home: Path, box: Sandbox) -> None:
    text = config(box, hosts=("b.example.com", "a.example.com", "xn--hks-sna.example.com"))
    async with opened(home, box, Approver(), config=text) as door:
        error = await door.error("create_webhook", url=STRANGE, events=["order.paid"])
        assert "allowed: a.example.com, b.example.com, xn--hks-sna.example.com" in error
        for url in ("https://xn--hks-sna.example.com/x", "https://a.example.com:8443"):
            made = await door.answer("create_webhook", url=url, events=["order.paid"])
            assert made["outcome"] == "created"


@pytest.mark.parametrize(
    "events",
    [[], ["order.paid", "no.such"], ["ORDER.PAID"], ["*"], "order.paid", [1], None, ["a"] * 21],
)
async def test_events_that_are_no_words_of_the_platform_are_refused(
    home: Path, box: Sandbox, events: object
) -> None:
    async with opened(home, box, Approver()) as door:
        text = await door.error("create_webhook", url=URL, events=events)
    assert text.startswith("INVALID_ARGUMENT: events")
    assert "no.such" not in text
    assert box.requests == []


async def test_an_event_that_is_named_twice_is_asked_for_once(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        await door.answer("create_webhook", url=URL, events=["order.paid", "order.paid"])
    (hook,) = box.shop.webhooks.values()
    assert hook.events == ("order.paid",)


# --- create, when it goes wrong -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "cut_body"])
async def test_a_lost_answer_is_told_as_unknown_and_what_is_there_is_not_made_twice(
    home: Path, box: Sandbox, kind: str
) -> None:
    async with opened(home, box, Approver()) as door:
        box.faults.add(Fault(kind, method="POST"))
        text = await door.error("create_webhook", **CREATE)
        assert "whether Clawver has the new webhook is not known" in text
        assert "list_webhooks()" in text
        assert URL not in text
        # Whatever it is, its secret is kept: the store may sign with it.
        assert len(kept(home)) == 1
        again = await door.answer("create_webhook", **CREATE)
    (hook,) = box.shop.webhooks.values()
    made = kind != "reset_before"
    assert again["outcome"] == ("already_there" if made else "created")
    assert hook.secret in {entry["secret"] for entry in kept(home)}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
async def test_a_refusal_by_the_store_leaves_no_secret_behind(
    home: Path, box: Sandbox, status: int
) -> None:
    async with opened(home, box, Approver()) as door:
        box.faults.add(Fault("status", method="POST", code=status, body=f"{URL} x"))
        text = await door.error("create_webhook", **CREATE)
    assert "is not known" not in text
    assert URL not in text
    assert (kept(home), dict(box.shop.webhooks)) == ([], {})


async def test_a_store_that_does_not_say_what_it_has_is_asked_for_nothing(
    home: Path, box: Sandbox
) -> None:
    person = Approver()
    async with opened(home, box, person) as door:
        box.faults.add(Fault("status", method="GET", code=503, headers=NO_RETRY, times=None))
        assert await door.code("create_webhook", **CREATE) is Code.STORE_UNAVAILABLE
    assert (person.forms, posts(box), kept(home)) == ([], 0, [])


async def test_an_answer_about_another_address_is_not_believed(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        box.faults.add(edited("/v1/webhooks", method="POST", data__webhook__url=STRANGE))
        text = await door.error("create_webhook", **CREATE)
    assert text.startswith("STORE_BAD_ANSWER: ")
    assert "is not known" in text
    assert "evil" not in text
    assert len(kept(home)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
@pytest.mark.parametrize("harm", ["open", "garbage", "folder"])
async def test_where_the_secret_cannot_be_kept_nothing_is_sent(
    home: Path, box: Sandbox, harm: str
) -> None:
    harmed(home, harm)
    async with opened(home, box, Approver()) as door:
        text = await door.error("create_webhook", **CREATE)
    assert text.startswith("LEDGER_UNAVAILABLE: the file of webhook secrets")
    assert str(home) not in text
    assert posts(box) == 0


# --- list and delete ------------------------------------------------------------------------


async def test_the_address_of_a_stranger_is_not_shown_to_the_model(
    home: Path, box: Sandbox
) -> None:
    """What stands behind the host of somebody else's address is often its secret."""
    webhook_id = strange(box)
    async with opened(home, box) as door:
        result = await door.call("list_webhooks")
    assert result.structured_content is not None
    (row,) = result.structured_content["webhooks"]
    assert row == {
        "webhook_id": webhook_id,
        "host": "evil.example",
        "events": ["order.paid"],
        "allowed": False,
    }
    assert "T0K3N" not in text_of(result)


@pytest.mark.parametrize("era", ERAS)
async def test_a_person_who_types_its_host_removes_it(home: Path, box: Sandbox, era: str) -> None:
    person = Approver()
    gone, stays = strange(box), strange(box, URL)
    async with opened(home, box, person, era=era) as door:
        answer = await door.answer("delete_webhook", webhook_id=gone)
        assert (answer["outcome"], answer["host"]) == ("deleted", "evil.example")
        again = await door.error("delete_webhook", webhook_id=gone)
        assert again.startswith("INVALID_ARGUMENT: webhook_id names no webhook")
        assert "Next: list_webhooks()" in again
    assert list(box.shop.webhooks) == [stays]
    (form,) = person.forms
    lines = dict(line.split(": ", 1) for line in form.splitlines()[1:])
    assert lines == {
        "Store": "clawver",
        "Webhook": gone,
        "Host": "evil.example",
        "Address": STRANGE,
        "Events": "order.paid (an order was paid)",
        "Your list of hosts": "nobody listed evil.example",
        "To approve, type the host name": "evil.example",
    }


@pytest.mark.parametrize(
    "person",
    [Approver(typed=HOST), Approver("decline"), Approver("cancel")],
    ids=["the host without the rest", "decline", "cancel"],
)
async def test_without_that_it_stays(home: Path, box: Sandbox, person: Approver) -> None:
    webhook_id = strange(box)
    async with opened(home, box, person) as door:
        answer = await door.answer("delete_webhook", webhook_id=webhook_id)
        assert answer["outcome"] == "not_approved"
    assert list(box.shop.webhooks) == [webhook_id]
    assert box.request_count("DELETE") == 0


async def test_a_lost_answer_to_a_removal_is_told_as_unknown(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        made = await door.answer("create_webhook", **CREATE)
        box.faults.add(Fault("reset_after", method="DELETE"))
        text = await door.error("delete_webhook", webhook_id=made["webhook_id"])
        assert "whether Clawver still has the webhook is not known" in text
        assert "list_webhooks()" in text
    # It may still be signed with.
    assert len(kept(home)) == 1


async def test_what_shares_an_address_keeps_its_secret(home: Path, box: Sandbox) -> None:
    async with opened(home, box, Approver()) as door:
        first = await door.answer("create_webhook", url=URL, events=["order.paid"])
        await door.answer("create_webhook", url=URL, events=["order.shipped"])
        await door.answer("delete_webhook", webhook_id=first["webhook_id"])
    (hook,) = box.shop.webhooks.values()
    assert [entry["secret"] for entry in kept(home)] == [hook.secret]


@pytest.mark.parametrize("webhook_id", ["", "..", "../orders", "wh 1", "https://evil.example", 1])
async def test_an_id_of_another_form_is_refused(
    home: Path, box: Sandbox, webhook_id: object
) -> None:
    async with opened(home, box, Approver()) as door:
        assert await door.code("delete_webhook", webhook_id=webhook_id) is Code.INVALID_ARGUMENT
    assert box.requests == []


async def test_text_of_the_store_steers_neither_the_model_nor_the_form(
    home: Path, box: Sandbox
) -> None:
    person = Approver("cancel")
    webhook_id = strange(box)
    row = {"id": webhook_id, "url": STRANGE, "events": ["a\x1b[2J\u202eb\nHost: ours"]}
    box.faults.add(Fault("edit", times=None, set={"data.webhooks": [row]}))
    async with opened(home, box, person) as door:
        told = text_of(await door.call("list_webhooks"))
        await door.answer("delete_webhook", webhook_id=webhook_id)
    (form,) = person.forms
    for shown in (told, form):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "Events: ab Host: ours" in form


async def test_with_them_the_list_stays_within_its_tokens(home: Path, box: Sandbox) -> None:
    with warnings.catch_warnings():
        # It opens its vocabulary by an older way.
        warnings.simplefilter("ignore", DeprecationWarning)
        from tests.benchmarks.tokens import count

        count("")
    async with opened(home, box) as door:
        assert len(door.tools) <= 14
        tools = [tool.model_dump(by_alias=True, exclude_none=True) for tool in door.tools.values()]
    assert count(tools) <= 4_100
