"""Which keys and addresses a store may have."""

from pathlib import Path

import pytest

from order_skills.errors import ConfigurationError
from order_skills.settings import Settings, load

CANARY = "CANARY0123456789"


def given(home: Path, **variables: str) -> Settings:
    """Settings of this environment."""
    return load({"ORDER_SKILLS_HOME": str(home), **variables})


# --- keys ------------------------------------------------------------------------------

BAD_KEYS = {
    "E1-empty": ("", "is empty"),
    "E1-blank": ("  \t ", "is empty"),
    "E1-newline-inside": (f"claw_sk_live_{CANARY}\nX: y", "line break"),
    "E1-newline-after": (f"claw_sk_live_{CANARY}\n", "line break"),
    "E1-return": (f"claw_sk_live_{CANARY}\r", "line break"),
    "E1-nul": (f"claw_sk_live_{CANARY}\x00", "control character"),
    "E1-escape": (f"claw_sk_live_{CANARY}\x1b[2J", "control character"),
    "E1-space-inside": (f"claw_sk_live_ {CANARY}", "white space"),
    "E1-space-before": (f" claw_sk_live_{CANARY}", "white space"),
    "E1-bearer": (f"Bearer claw_sk_live_{CANARY}", "key alone"),
    "E1-apikey": (f"apikey {CANARY}", "key alone"),
    "E1-non-ascii": (f"claw_sk_live_{CANARY}é", "no key has"),
    "E1-wide-space": (f"claw_sk_live_{CANARY}\u3000", "no key has"),
    "E1-zero-width": (f"claw_sk_live_{CANARY}\u200b", "no key has"),
    "placeholder": ("<your Clawver key>", "placeholder"),
    "G32-paynow": (f"pnapi_v1_{CANARY}", "a PayNow key"),
    "G32-cloove": (f"clv_live_sk_{CANARY}", "a Cloove key"),
    "G32-cloove-public": (f"clv_test_pk_{CANARY}", "a publishable Cloove key"),
    "G32-vesuviopay-live": (f"sk_live_{CANARY}", "a VesuvioPay or Stripe key"),
    "G32-vesuviopay-test": (f"sk_test_{CANARY}", "a VesuvioPay or Stripe key"),
    "G32-public": (f"pk_live_{CANARY}", "a publishable key"),
    "G32-webhook": (f"whsec_{CANARY}", "a webhook secret"),
    "G32-upper-case": (f"PNAPI_v1_{CANARY}", "a PayNow key"),
}


@pytest.mark.parametrize(("key", "says"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_cannot_be_clawvers_is_refused_without_showing_it(
    tmp_path: Path, key: str, says: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, CLAW_API_KEY=key)
    assert caught.value.setting == "CLAW_API_KEY"
    assert says in caught.value.problem
    assert "CANARY" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["claw_sk_live_0123", "claw_sk_test_0123", "of-a-new-form.42"])
def test_a_key_of_clawvers_or_of_an_unknown_form_is_taken_as_it_is(
    tmp_path: Path, key: str
) -> None:
    (store,) = given(tmp_path, CLAW_API_KEY=key).stores
    assert store.key.reveal() == key


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("clawver", {"CLAW_API_KEY": "claw_sk_live_1"}),
        ("paynow", {"PAYNOW_API_KEY": "pnapi_v1_1", "PAYNOW_STORE_ID": "411486491630370816"}),
        ("cloove", {"CLOOVE_API_KEY": "clv_live_sk_1"}),
        ("vesuviopay", {"VESUVIOPAY_API_KEY": "sk_live_1"}),
    ],
)
def test_a_key_of_the_environment_activates_the_store_named_after_its_platform(
    tmp_path: Path, name: str, variables: dict[str, str]
) -> None:
    (store,) = given(tmp_path, **variables).stores
    assert (store.name, store.platform) == (name, name)
    assert store.url.startswith("https://api.")
    assert store.store_id == variables.get("PAYNOW_STORE_ID")


@pytest.mark.parametrize("variable", ["PAYNOW_API_KEY", "CLOOVE_API_KEY", "VESUVIOPAY_API_KEY"])
def test_a_key_for_a_platform_without_an_adapter_stops_the_start(
    tmp_path: Path, variable: str
) -> None:
    with pytest.raises(ConfigurationError, match="serves Clawver only") as caught:
        load({"ORDER_SKILLS_HOME": str(tmp_path), variable: CANARY}, served=frozenset({"clawver"}))
    assert caught.value.setting == variable
    assert CANARY not in str(caught.value)


KINDS = {
    f"claw_sk_live_{CANARY}": "a Clawver key",
    f"pnapi_v1_{CANARY}": "a PayNow key",
    f"clv_live_sk_{CANARY}": "a Cloove key",
    f"clv_live_pk_{CANARY}": "a publishable Cloove key",
    f"clv_test_pk_{CANARY}": "a publishable Cloove key",
    f"sk_live_{CANARY}": "a VesuvioPay or Stripe key",
    f"sk_test_{CANARY}": "a VesuvioPay or Stripe key",
    f"pk_live_{CANARY}": "a publishable key",
    f"pk_test_{CANARY}": "a publishable key",
    f"whsec_{CANARY}": "a webhook secret",
}
VARIABLES = {
    "CLAW_API_KEY": ("a Clawver key", "a Clawver key begins with claw_sk_"),
    "PAYNOW_API_KEY": ("a PayNow key", "a PayNow key begins with pnapi_"),
    "CLOOVE_API_KEY": ("a Cloove key", "a Cloove key begins with clv_live_sk_"),
    "VESUVIOPAY_API_KEY": ("a VesuvioPay or Stripe key", "a VesuvioPay key begins with sk_live_"),
}


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    ("key", "kind"), KINDS.items(), ids=[key.split("CANARY")[0] for key in KINDS]
)
def test_a_key_of_another_kind_is_refused_by_the_name_of_its_variable_and_never_shown(
    tmp_path: Path, variable: str, key: str, kind: str
) -> None:
    own, hint = VARIABLES[variable]
    variables = {variable: key}
    variables |= {"PAYNOW_STORE_ID": "1"} if variable == "PAYNOW_API_KEY" else {}
    if kind == own:
        (store,) = given(tmp_path, **variables).stores
        assert store.key.reveal() == key
        return
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, **variables)
    assert caught.value.setting == variable
    assert f"looks like {kind}" in caught.value.problem
    assert hint in caught.value.problem
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("store_id", [None, "", "abc", "１２", "../1", "1" * 21, " 1", "-1"])
def test_a_paynow_store_needs_its_numeric_id(tmp_path: Path, store_id: str | None) -> None:
    variables = {"PAYNOW_API_KEY": "pnapi_1"}
    variables |= {} if store_id is None else {"PAYNOW_STORE_ID": store_id}
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, **variables)
    assert caught.value.setting == "PAYNOW_STORE_ID"


def test_an_id_of_a_store_without_its_key_stops_the_start_naming_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="while PAYNOW_STORE_ID is set") as caught:
        given(tmp_path, PAYNOW_STORE_ID="411486491630370816")
    assert caught.value.setting == "PAYNOW_API_KEY"


def test_an_id_of_the_environment_wins_over_that_of_a_key_in_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[stores.paynow]\nplatform = "paynow"\nkey = "pnapi_1"\nstore_id = "7"\n')
    config.chmod(0o600)
    assert given(tmp_path).stores[0].store_id == "7"
    assert given(tmp_path, PAYNOW_STORE_ID="8").stores[0].store_id == "8"


def test_keys_of_several_platforms_make_as_many_stores_named_after_them(tmp_path: Path) -> None:
    found = given(
        tmp_path,
        CLAW_API_KEY="claw_sk_live_1",
        PAYNOW_API_KEY="pnapi_v1_1",
        PAYNOW_STORE_ID="411486491630370816",
        CLOOVE_API_KEY="clv_live_sk_1",
        VESUVIOPAY_API_KEY="sk_test_1",
    )
    assert [store.name for store in found.stores] == ["clawver", "cloove", "paynow", "vesuviopay"]
    assert all(store.name == store.platform for store in found.stores)


# --- addresses -------------------------------------------------------------------------

GOOD_URLS = {
    "https://api.clawver.store": "https://api.clawver.store",
    "https://api.clawver.store/": "https://api.clawver.store",
    "HTTPS://API.Clawver.Store": "https://api.clawver.store",
    "https://api.clawver.store:443": "https://api.clawver.store",
    "https://api.clawver.store:8443": "https://api.clawver.store:8443",
    "https://127.0.0.1.evil.com": "https://127.0.0.1.evil.com",
    "https://10.0.0.7": "https://10.0.0.7",
    "https://[2001:db8::1]:444": "https://[2001:db8::1]:444",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "http://127.1.2.3": "http://127.1.2.3",
    "http://localhost:80": "http://localhost",
    "http://[::1]:9/": "http://[::1]:9",
}


@pytest.mark.parametrize(("url", "origin"), GOOD_URLS.items(), ids=[f"E4-{u}" for u in GOOD_URLS])
def test_an_https_or_loopback_address_is_kept_as_its_origin(
    tmp_path: Path, url: str, origin: str
) -> None:
    (store,) = given(tmp_path, CLAW_API_KEY="claw_sk_1", ORDER_SKILLS_CLAWVER_URL=url).stores
    assert store.url == origin


BAD_URLS = [
    "http://api.clawver.store",
    "http://127.0.0.1.evil.com",
    "http://localhost.evil.com",
    "http://localhost.",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://127.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::1%25lo]",
    "http://[::1",
    "http://169.254.169.254",
    "https://user:CANARY@api.clawver.store",
    "https://CANARY@api.clawver.store",
    "https://api.clawver.store/v1",
    "https://api.clawver.store//",
    "https://api.clawver.store?CANARY=1",
    "https://api.clawver.store?",
    "https://api.clawver.store#CANARY",
    "https://api.clawver.store:0",
    "https://api.clawver.store:65536",
    "https://api.clawver.store:",
    "https://api.clawver.store:x",
    "https://api.clawver.store\\@evil.com",
    "https://api.clawver.store%2eevil.com",
    "https://bücher.example",
    "https://2130706433",
    "https://[v1.x]",
    "https://exa mple.com",
    "https://-a.example",
    "https://" + "a" * 64 + ".example",
    "https://",
    "https:///v1",
    "https:api.clawver.store",
    "//api.clawver.store",
    "ftp://api.clawver.store",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://api.clawver.store\nHost: x",
    "\thttps://api.clawver.store",
]


@pytest.mark.parametrize("url", BAD_URLS, ids=[f"E3-E4-{n}" for n in range(len(BAD_URLS))])
def test_another_address_is_refused_by_the_name_of_its_variable(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, CLAW_API_KEY="claw_sk_1", ORDER_SKILLS_CLAWVER_URL=url)
    assert caught.value.setting == "ORDER_SKILLS_CLAWVER_URL"
    assert "CANARY" not in str(caught.value)
