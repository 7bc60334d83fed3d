"""`order-skills doctor` where a team is served."""

import secrets
from pathlib import Path

from command_line import Run, StoreServer
from test_doctor import lines

from tests.signin.token_issuer import AUDIENCE, NAME, Issuer

TOKEN = f"""
[tokens.support]
hash = "sha256:{"0" * 64}"
scopes = ["orders:read"]
"""


def written(home: Path, store: StoreServer, text: str) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    table = f'platform = "clawver"\nkey = "{store.key}"\nurl = "{store.url}"\n'
    config.write_text(f"{text}\n[stores.clawver]\n{table}")
    config.chmod(0o600)


def test_sign_ins_are_named_and_the_issuers_keys_are_fetched(
    run: Run, home: Path, store: StoreServer
) -> None:
    with Issuer() as issuer:
        oauth = f'[http.oauth]\nissuer = "{NAME}"\njwks_url = "{issuer.url}"\n'
        written(home, store, f'[http]\nurl = "{AUDIENCE}"\n{oauth}{TOKEN}')
        report = lines(run("doctor").stdout)
        assert report["tokens"] == ("ok", "1: support")
        assert report["issuer"] == ("ok", f"the keys of {NAME} can be had")
        issuer.status = 500
        done = run("doctor")
        assert done.returncode == 1
        word, text = lines(done.stdout)["issuer"]
        assert word == "fail"
        assert "it answered 500" in text
        assert "http.oauth.jwks_url" in text


def test_replicas_without_a_shared_ledger_fail_before_a_service_is_started(
    run: Run, home: Path, store: StoreServer
) -> None:
    key = secrets.token_hex(32)
    keys = f'state_keys = ["{key}"]'
    written(home, store, f"[http]\nreplicas = 2\n{keys}\n{TOKEN}")
    done = run("doctor")
    assert done.returncode == 1
    report = lines(done.stdout)
    word, text = report["replicas"]
    assert word == "fail"
    assert "postgresql://" in text
    assert report["hosts"][0] == "note"
    assert key not in done.stdout
