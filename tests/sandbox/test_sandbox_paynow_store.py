"""PayNow's dialect beside orders: files, webhooks, a shop of one's own, and its page."""

import base64
import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from order_skills.sandbox import Sandbox
from order_skills.sandbox.behaviours import BEHAVIOURS
from order_skills.sandbox.paynow_options import Options
from order_skills.sandbox.paynow_seed import order_id, product_id
from order_skills.sandbox.paynow_wire import flake
from tests.sandbox.paynow_client import asking

PAGE = Path(__file__).parents[2] / "references" / "platforms" / "paynow.md"
ARTPACK, TEE = product_id("artpack"), product_id("tee")
SECRET = "a-secret-of-the-sandbox"
PATIENCE = 60


def files(product):
    return f"/products/{product}/downloadable-files"


async def test_a_digital_product_has_a_file_and_another_has_none():
    async with asking(Sandbox("paynow")) as client:
        (file,) = (await client.get(files(ARTPACK))).json()
        assert (await client.get(files(TEE))).json() == []
        missing = await client.get(files("411486491630360999"))
    assert (file["file_name"], file["is_uploaded"]) == ("AI_Art_Pack_Vol_1.zip", True)
    assert (file["product_id"], missing.status_code) == (ARTPACK, 404)


async def test_a_link_opens_without_a_key_until_it_expires(clock):
    box = Sandbox("paynow", now=clock)
    transport = httpx2.ASGITransport(app=box.app)
    async with asking(box) as client, httpx2.AsyncClient(transport=transport) as anybody:
        (file,) = (await client.get(files(ARTPACK))).json()
        answer = (await client.get(f"{files(ARTPACK)}/{file['id']}/download-url")).json()
        assert list(answer) == ["download_signed_url"]
        got = await anybody.get(answer["download_signed_url"])
        assert (got.status_code, len(got.content)) == (200, file["file_size"])
        forged = await anybody.get(answer["download_signed_url"] + "0")
        clock.move(minutes=61)
        late = await anybody.get(answer["download_signed_url"])
    assert (forged.status_code, late.status_code) == (403, 403)


@pytest.mark.parametrize(("option", "uploaded"), [("several", 2), ("pending", 0), ("none", 0)])
async def test_the_option_gives_a_product_several_files_or_none(option, uploaded):
    async with asking(Sandbox("paynow", options={"files": option})) as client:
        found = (await client.get(files(ARTPACK))).json()
        assert sum(file["is_uploaded"] for file in found) == uploaded
        for file in found:
            answer = await client.get(f"{files(ARTPACK)}/{file['id']}/download-url")
            assert (answer.status_code == 200) == file["is_uploaded"]


class TestASignedEvent:
    """sign_event builds what PayNow would send."""

    def signed(self, clock, event, number, **more):
        box = Sandbox("paynow", now=clock)
        box.shop.add_webhook("https://hooks.example.com", (event,), SECRET, clock())
        return box.sign_event(event, order_id(number), **more)

    def test_its_digest_is_base64_over_milliseconds_a_dot_and_the_raw_body(self, clock):
        sent = self.signed(clock, "ON_ORDER_COMPLETED", 58)
        timestamp = sent.headers["paynow-timestamp"]
        assert timestamp == str(int(clock().timestamp()) * 1000)
        signed = f"{timestamp}.".encode() + sent.body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert base64.b64decode(sent.headers["paynow-signature"]) == expected

    def test_it_says_what_happened_and_to_what(self, clock):
        sent = json.loads(self.signed(clock, "ON_ORDER_COMPLETED", 58).body)
        assert list(sent) == ["event_type", "event_id", "body"]
        assert (sent["event_type"], sent["body"]["id"]) == ("ON_ORDER_COMPLETED", order_id(58))
        assert sent["body"]["currency"] == "USD"

    def test_of_a_refund_amount_is_the_payments_and_the_refunds_own_stands_apart(self, clock):
        held = json.loads(self.signed(clock, "ON_REFUND", 55).body)["body"]
        assert (held["amount"], held["store_refund_amount"]) == (2998, 1999)
        assert held["order_id"] == order_id(55)

    def test_an_order_without_a_refund_has_no_such_event(self, clock):
        with pytest.raises(LookupError):
            self.signed(clock, "ON_REFUND", 58)

    def test_its_body_can_be_another(self, clock):
        sent = json.loads(self.signed(clock, "ON_REFUND", 58, data={"id": "1"}).body)
        assert sent["body"] == {"id": "1"}


async def test_a_shop_of_ones_own_is_served_under_flake_ids():
    refunds = [{"amount_minor": 700, "reason": "-", "item_id": "item_1_1", "status": "failed"}]
    data = {
        "currency": "JPY",
        "products": [{"id": "zine", "name": "Zine", "type": "digital", "price_minor": 700}],
        "orders": [
            {
                "id": f"ord_{number}",
                "status": "shipped",
                "hours_ago": 30,
                "customer": {"email": "kim@example.com"},
                "items": [{"product_id": "zine"}],
                **more,
            }
            for number, more in enumerate([{"refunds": refunds}, {"disputed": True}], 1)
        ],
    }
    async with asking(Sandbox("paynow", data=data)) as client:
        rows = {row["id"]: row for row in (await client.get("/orders")).json()}
        first, second = rows[flake("ord_1")], rows[flake("ord_2")]
        query = {"order_id": first["id"]}
        (paid,) = (await client.get("/payments", params=query)).json()
    assert (first["currency"], first["total_amount_str"]) == ("jpy", "JPY 700")
    assert (first["status"], second["status"]) == ("completed", "chargeback")
    assert [(r["status"], r["order_line_id"]) for r in paid["refunds"]] == [
        ("failed", flake("item_1_1"))
    ]


def test_the_first_line_of_the_server_names_the_store():
    program = (
        "import sys\n"
        "from order_skills.sandbox import Sandbox\n"
        "from order_skills.sandbox.http_server import run\n"
        "sys.exit(run(Sandbox('paynow'), 0))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        line = json.loads(server.stdout.readline())
        headers = {"authorization": f"APIKey {line['api_key']}"}
        url = f"{line['url']}/v1/stores/{line['store_id']}/orders?limit=1"
        with httpx2.Client(trust_env=False, timeout=PATIENCE) as client:
            assert client.get(url, headers=headers).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0
    assert list(line) == ["platform", "url", "api_key", "store_id"]
    assert line["platform"] == "paynow"


class TestThePage:
    """references/platforms/paynow.md tells what the sandbox does."""

    PAGE = PAGE.read_text(encoding="utf-8")

    def table(self, first):
        after = self.PAGE.split(f"| {first} |", 1)[1].split("\n\n", 1)[0]
        return [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in after.splitlines()[2:]
        ]

    def test_it_names_every_option_with_its_words(self):
        told = {row[0].strip("`"): row[1] for row in self.table("option")}
        assert set(told) == set(vars(Options()))
        for name, default in vars(Options()).items():
            assert told[name].startswith(f"`{default}`")

    def test_its_memorable_orders_are_in_the_shop(self, clock):
        box = Sandbox("paynow", now=clock)
        told = {row[0].strip("`"): row[1:] for row in self.table("sandbox order")}
        assert len(told) == 18
        for name, (word, text) in told.items():
            order = box.shop.orders[name]
            assert box.dialect.wire.status(order) == word.strip("`")
            for amount in re.findall(r"\b\d{3,4}\b", text):
                known = [order.total_minor, *(i.total_minor for i in order.items)]
                assert int(amount) in known

    def test_it_says_how_much_is_documented_and_how_much_assumed(self):
        marks = [row.mark for row in BEHAVIOURS["paynow"]]
        for mark in ("documented", "assumed"):
            assert f"{marks.count(mark)} {mark}" in self.PAGE
