"""`order-skills report`: what it says, compared with what the store and the ledger hold."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import HANGS_AFTER_SECONDS, Run, StoreServer, address_of_nobody, environment
from refund_scene import ORDER, Scene

from order_skills.reports.columns import cells
from order_skills.sandbox import Fault, Sandbox
from support import edited, open_door

NAME = '中文的很长的名字 <b>&"quoted"</b>'
PRODUCTS = [
    {"id": "prod_zine", "name": NAME, "type": "digital", "price_minor": 700},
    {"id": "prod_cap", "name": "Cap", "type": "print_on_demand", "price_minor": 1800},
]


def order(hours_ago: float, **more: Any) -> dict[str, Any]:
    """An order of a shop with two products."""
    return {
        "status": "delivered",
        "hours_ago": hours_ago,
        "customer": {"email": "kim@example.com", "name": "Kim Secret"},
        "items": [{"product_id": "prod_zine"}],
        **more,
    }


def shop(*orders: dict[str, Any]) -> Sandbox:
    named = [{"id": f"ord_{number}", **each} for number, each in enumerate(orders, 1)]
    return Sandbox(data={"products": PRODUCTS, "orders": named})


@contextmanager
def serving(box: Sandbox) -> Iterator[dict[str, str]]:
    """A store on a socket; the variables that name it."""
    server = StoreServer()
    server.box, server.key = box, box.api_key
    with server:
        yield {"CLAW_API_KEY": server.key, "ORDER_SKILLS_CLAWVER_URL": server.url}


CAP = {"items": [{"product_id": "prod_cap"}]}
TROUBLED = (
    order(1),
    order(2, status="pending", payment="failed"),
    order(30, status="pending"),
    order(4, status="shipped", **CAP),
    order(6 * 24, status="processing", **CAP),
    order(3, status="confirmed", **CAP),
)


def count(text: str, name: str) -> int:
    found = re.search(rf"^{re.escape(name)} +(\d+)$", text, re.MULTILINE)
    assert found, text
    return int(found[1])


def test_the_counts_are_of_the_period_and_of_older_orders_still_open(run: Run) -> None:
    sent_before = order(31, status="shipped", **CAP)
    with serving(shop(*TROUBLED, sent_before)) as variables:
        text = run("report", **variables).stdout
    assert count(text, "New orders") == 4
    assert count(text, "Being fulfilled") == 2
    assert count(text, "Waiting too long") == 2
    assert count(text, "New, shipped without tracking") == 1
    assert re.search(r"ord_5 .*18\.00 USD  waiting for more than five days", text)
    assert re.search(r"ord_3 .*7\.00 USD  unpaid for more than a day", text)
    assert re.search(r"ord_4 .*18\.00 USD  shipped without tracking", text)
    assert "Kim" not in text


async def test_it_tells_what_order_report_tells(run: Run, home: Path) -> None:
    box = shop(*TROUBLED, order(5, refunds=[{"amount_minor": 100, "reason": "late"}]))
    async with open_door(home, box=box) as opened:
        told = await opened.answer("order_report")
    with serving(box) as variables:
        text = run("report", **variables).stdout
    assert count(text, "New orders") == told["orders"]
    by_status = ", ".join(f"{word} {number}" for word, number in told["by_status"].items())
    assert f"By status: {by_status}" in text
    (total,) = told["totals"]
    amounts = [total[f"{name}_minor"] / 100 for name in ("gross", "refunded", "net")]
    assert re.search(r"all +" + " +".join(f"{amount:.2f}" for amount in amounts), text)
    for entry in told["needs_attention"]:
        assert re.search(rf"{entry['order_id']} .*{entry['reason']}", text)
    assert f"Searched {told['searched']} orders; complete: yes." in text


def test_a_period_of_the_past_is_about_itself_alone(run: Run) -> None:
    with serving(shop(*TROUBLED)) as variables:
        text = run("report", "--before", "2020-01-02", **variables).stdout
    assert "Orders placed from 2020-01-01 00:00 to 2020-01-02 00:00." in text
    assert count(text, "Waiting too long") == 0
    assert "Money in" not in text


def test_refunds_that_wait_and_refunds_in_doubt_are_from_the_ledger(scene: Scene, run: Run) -> None:
    waiting = scene.asked(order_id="ord_1002")
    lost = scene.lost()
    text = run("report", **scene.variables).stdout
    assert count(text, "Refunds waiting for approval") == 1
    assert count(text, "Refunds in doubt") == 1
    assert re.search(rf"{waiting}  ord_1002  5\.00 USD .* waits for approval", text)
    assert re.search(rf"{lost}  {ORDER}  5\.00 USD .* in doubt", text)


def test_a_request_whose_time_is_over_waits_for_nobody(scene: Scene, run: Run) -> None:
    refund_id = scene.asked()
    scene.grown_older(25 * 3_600)
    text = run("report", **scene.variables).stdout
    assert count(text, "Refunds waiting for approval") == 0
    assert refund_id not in text


def test_it_sends_nothing_and_makes_no_home(run: Run, home: Path, store: StoreServer) -> None:
    run("report", CLAW_API_KEY=store.key, ORDER_SKILLS_CLAWVER_URL=store.url)
    assert store.box.request_count("POST") == 0
    assert not home.exists()


def test_what_is_not_complete_says_so_first_and_why(run: Run) -> None:
    box = shop(order(1), order(2), order(3))
    box.faults.add(Fault("malformed", what="html", path="/v1/orders/ord_2", times=None))
    with serving(box) as variables:
        done = run("report", **variables)
    assert done.returncode == 0
    assert done.stdout.index("NOT COMPLETE") < done.stdout.index("New orders")
    assert "complete: no." in done.stdout
    assert "1 orders could not be read and were left out" in done.stdout


def test_more_orders_than_it_reads_are_told_without_words_for_agents(run: Run) -> None:
    # The older revision of the platform has pages.
    many = shop(*[order(number / 20) for number in range(1, 221)])
    with serving(Sandbox(era="old", shop=many.shop)) as variables:
        text = " ".join(run("report", **variables).stdout.split())
    assert "the limit of 200 was reached. Try again, or ask for a shorter period." in text
    assert "cursor" not in text


def test_orders_that_the_store_does_not_show_are_told_without_words_for_agents(run: Run) -> None:
    with serving(shop(*[order(number / 20) for number in range(1, 221)])) as variables:
        text = " ".join(run("report", **variables).stdout.split())
    assert re.search(r"so orders made before \S+ may be missing\.$", text)
    assert "get_order" not in text


def test_the_other_stores_are_reported_where_one_cannot_be_read(run: Run) -> None:
    with serving(shop(order(1))) as variables, address_of_nobody() as nobody:
        variables["CLOOVE_API_KEY"] = "clv_test_sk_x"
        variables["ORDER_SKILLS_CLOOVE_URL"] = nobody
        done = run("report", **variables)
        alone = run("report", "--store", "clawver", **variables)
    assert done.returncode == 1
    assert "Could not be read. STORE_UNAVAILABLE" in " ".join(done.stdout.split())
    (line,) = done.stderr.splitlines()
    assert line.startswith("order-skills: cloove could not be read. STORE_UNAVAILABLE: ")
    assert count(done.stdout, "New orders") == 1
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "Cloove" not in alone.stdout


@pytest.mark.parametrize("width", [34, 40, 60, 80])
def test_no_line_is_wider_than_the_terminal(run: Run, width: int) -> None:
    with serving(shop(*TROUBLED)) as variables:
        done = run("report", COLUMNS=str(width), **variables)
    lines = done.stdout.splitlines()
    assert [line for line in lines if cells(line) > width] == []
    assert any(line.endswith("###") for line in lines)


def test_money_of_two_currencies_is_never_added(run: Run, tmp_path: Path) -> None:
    box, file = shop(order(1), order(2), order(3)), tmp_path / "check.html"
    box.faults.add(edited("/v1/orders/ord_2", data__order__currency="JPY"))
    with serving(box) as variables:
        text = run("report", **variables).stdout
        run("report", "--html", str(file), **variables)
    yen, dollars = text.index("Money in JPY"), text.index("Money in USD")
    assert re.search(r"all +700 +0 +700$", text[yen:dollars], re.MULTILINE)
    assert re.search(r"all +14\.00 +0\.00 +14\.00$", text[dollars:], re.MULTILINE)
    assert file.read_text(encoding="utf-8").count("<svg") == 2


def test_a_page_replaces_the_one_of_yesterday_and_leaves_nothing_else(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    file = folder / "check.html"
    file.write_text("yesterday")
    with serving(shop(*TROUBLED)) as variables:
        done = run("report", "--html", str(file), **variables)
    assert done.returncode == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "中文的很长的名字 &lt;b&gt;&amp;&quot;quoted&quot;&lt;/b&gt;" in text
    assert "Kim" not in text
    assert [entry.name for entry in folder.iterdir()] == ["check.html"]


@pytest.mark.skipif(sys.platform == "win32", reason="devices are POSIX's")
def test_a_device_is_no_file_to_replace(run: Run, store: StoreServer) -> None:
    given = {"CLAW_API_KEY": store.key, "ORDER_SKILLS_CLAWVER_URL": store.url}
    done = run("report", "--html", os.devnull, **given)
    assert done.returncode == 2
    assert "no regular file" in done.stderr
    assert store.box.requests == []


def test_without_a_store_the_line_names_a_variable_and_the_sandbox(run: Run) -> None:
    done = run("report")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "CLAW_API_KEY" in line
    assert "report --sandbox" in line


def test_a_key_in_the_place_of_a_value_is_not_shown(run: Run, store: StoreServer) -> None:
    given = {"CLAW_API_KEY": store.key, "ORDER_SKILLS_CLAWVER_URL": store.url}
    for option in ("--store", "--after", "--before", "--platform"):
        done = run("report", option, "claw_sk_live_CANARY", **given)
        assert done.returncode == 2
        assert "CANARY" not in json.dumps([done.stdout, done.stderr])


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks otherwise there")
def test_a_closed_pipe_ends_it_quietly(home: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "order_skills", "report", "--sandbox"],
        env=environment(home),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
