"""The page on running a service: its settings load, its commands exist, its files are taken."""

import datetime
import re
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from order_skills import cli, settings
from support import PATIENCE
from test_documents import ROOT, first_cells, text

PAGE = text("references/operations.md")
OBSERVING = ROOT / "src" / "order_skills" / "observing"


def block(kind: str, holding: str) -> str:
    """The code block of this kind that holds this text."""
    (found,) = [b for b in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if holding in b]
    return str(found)


def commands() -> list[tuple[str, ...]]:
    """Each command on the page, with its action and its options."""
    code = "\n".join([*re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)])
    lines = re.findall(r"^orders (.*?)(?:#.*)?$", code, re.MULTILINE)
    lines += re.findall(r"`orders ([^`]+)`", PAGE)
    words = re.compile(r"--[a-z-]+|[a-z]+")
    said = set()
    for line in lines:
        given = [word for word in line.split() if words.fullmatch(word)]
        named = [word for word in given if not word.startswith("--")]
        action = named[1:2] if named[0] in ("refunds", "tokens", "ledger", "webhooks") else []
        options = sorted(word for word in given if word.startswith("--"))
        said.add((named[0], *action, *options))
    return sorted(said)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_of_the_page_exists(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [word for word in command if not word.startswith("--")]
    assert cli.main([*names, "--help"]) == 0, names
    told = capsys.readouterr().out
    assert {word for word in command if word.startswith("--")} <= set(re.findall(r"--[\w-]+", told))


def test_the_settings_of_the_page_are_settings(tmp_path: Path) -> None:
    key = tmp_path / "main.key"
    key.write_text("claw_sk_live_0123456789abcdef")
    config = tmp_path / "config.toml"
    example = block("toml", "[http]").replace("/var/lib/order-skills/main.key", str(key))
    example = example.replace("…", secrets.token_urlsafe(32))
    config.write_text(example, encoding="utf-8")
    for file in (key, config):
        file.chmod(0o600)
    found = settings.load({"ORDER_SKILLS_HOME": str(tmp_path)}, config)
    assert found.http.replicas == 2
    assert found.http.sessions is False
    assert found.approval_by == "another"
    assert found.stores[0].limits.daily_refund_count == 20


def test_the_page_names_every_metric_and_no_other() -> None:
    made = {
        name
        for file in OBSERVING.glob("*.py")
        for name in re.findall(r'"(order_skills\.\w+\.\w+)"', file.read_text(encoding="utf-8"))
    }
    assert set(first_cells(PAGE, "metric")) == made


def test_the_page_alarms_on_metrics_that_there_are() -> None:
    alarms = PAGE.split("## What to alarm on", 1)[1]
    named = set(re.findall(r"`(order_skills\.[a-z_.]+)`", alarms))
    assert named
    assert named <= set(first_cells(PAGE, "metric"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("true")
    assert program
    unit = tmp_path / "order-skills@8001.service"
    text_of_it = block("ini", "[Service]").replace("/opt/order-skills/bin/order-skills", program)
    for name in (unit.name, "order-skills@.service"):
        (tmp_path / name).write_text(text_of_it, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if unit.stem.split("@")[0] in line] == []
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here")
def test_nginx_takes_the_site(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    site = block("nginx", "upstream").replace("listen 443", f"listen {address}")
    for line in ("fullchain.pem", "privkey.pem"):
        site = site.replace(f"/etc/ssl/orders.example.com/{line}", str(tmp_path / line))
    _certify(tmp_path)
    temporary = "".join(
        f"{kind}_temp_path {tmp_path / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path / 'pid'}; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{site} }}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-c", str(whole)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _certify(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
