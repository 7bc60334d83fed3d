"""The control pages, and the server in a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

import httpx2
import pytest

from order_skills.sandbox import Sandbox

pytestmark = pytest.mark.asyncio

GOOD = {"amountInCents": 500, "reason": "Missing item"}
PATH = "/v1/orders/ord_1001/refund"
PATIENCE = 60


async def test_the_control_pages_steer_and_check_from_outside(dial):
    box = Sandbox()
    async with dial(box) as client:
        made = await client.post("/_sandbox/faults", json={"kind": "status", "code": 503})
        assert made.status_code == 201
        listed = (await client.get("/_sandbox/faults")).json()["faults"]
        assert listed == [made.json()]
        assert (await client.get("/v1/orders")).status_code == 503
        await client.post("/_sandbox/faults", json={"kind": "reset_before", "times": None})
        assert (await client.delete("/_sandbox/faults")).status_code == 204
        assert (await client.post(PATH, json=GOOD)).status_code == 200
        asked = (await client.get("/_sandbox/requests")).json()["requests"]
        truth = (await client.get("/_sandbox/orders/ord_1001")).json()
        assert (await client.get("/_sandbox/orders/ord_0")).status_code == 404
    assert [(e["method"], e["path"], e["status"], e["applied"]) for e in asked] == [
        ("GET", "/v1/orders", 503, False),
        ("POST", PATH, 200, True),
    ]
    assert asked[1]["body"] == GOOD
    assert (truth["refunds"][0]["reason"], truth["remaining_minor"]) == ("Missing item", 1999)
    assert truth["payment_word"] == "partially_refunded"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"kind": "explode"}}, 400),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b'{"kind": "reset_before"}', "headers": {"content-type": "text/plain"}}, 415),
    ],
)
async def test_a_fault_that_cannot_be_taken_is_refused(connect, request_, status):
    box = Sandbox()
    async with connect(box) as client:
        answer = await client.post("/_sandbox/faults", **request_)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert list(box.faults) == []


async def test_the_first_control_page_is_a_table_for_people_and_json_for_programs(connect):
    async with connect(Sandbox()) as client:
        page = await client.get("/_sandbox", headers={"accept": "text/html"})
        told = (await client.get("/_sandbox")).json()
    assert page.text.count("<tr>") == len(told["behaviours"]) + 1
    assert told["platform"] == "clawver"


# The command's own function, in a process of its own

PROGRAM = (
    "import sys\n"
    "from order_skills.sandbox import Sandbox\n"
    "from order_skills.sandbox.http_server import run\n"
    "sys.exit(run(Sandbox(), int(sys.argv[1])))\n"
)


def started(port=0):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )


async def count(client, url):
    """How many requests the server has logged."""
    return len((await client.get(f"{url}/_sandbox/requests")).json()["requests"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_server_says_one_line_of_json_and_ends_when_asked(number):
    process = started()
    try:
        line = json.loads(await asyncio.to_thread(process.stdout.readline))
        assert sorted(line) == ["api_key", "platform", "url"]
        headers = {"authorization": f"Bearer {line['api_key']}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE) as client:
            assert (await client.get(f"{line['url']}/v1/orders")).status_code == 200
            hang = {"kind": "no_answer"}
            assert (await client.post(f"{line['url']}/_sandbox/faults", json=hang)).is_success
            hanging = asyncio.create_task(client.get(f"{line['url']}/v1/orders"))
            # The request hangs in the server once the log shows it there.
            while await count(client, line["url"]) < 2:
                pass
            process.send_signal(number)
            with pytest.raises(httpx2.TransportError):
                await hanging
        rest, errors = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        assert (process.returncode, rest, errors) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


async def test_a_taken_port_is_one_clear_line_and_exit_code_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = started(port)
        out, errors = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert errors.startswith(f"sandbox: cannot listen on port {port}: ")
    assert errors.count("\n") == 1


async def test_a_port_that_does_not_exist_is_one_clear_line_too():
    process = started(70000)
    out, errors = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, out, errors.count("\n")) == (1, "", 1)
