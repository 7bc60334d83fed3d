"""Which stores there are, by the file and by the environment."""

from pathlib import Path

import pytest

from order_skills.errors import ConfigurationError
from order_skills.settings import Limits, Settings, load


def given(home: Path, file: str = "", **variables: str) -> Settings:
    """Settings of a home with this file."""
    if file:
        config = home / "config.toml"
        config.write_text(file, encoding="utf-8")
        config.chmod(0o600)
    return load({"ORDER_SKILLS_HOME": str(home), **variables})


TWO = """
max_refund_minor = 1000
daily_refund_count = 5

[stores.tokyo]
platform = "clawver"
key = "claw_sk_live_tokyo"
url = "https://tokyo.example"
max_refund_minor = 9000
webhook_secrets = ["whsec_0123456789", "0123456789abcdef"]
webhook_hosts = ["hooks.example.com"]

[stores.berlin]
platform = "cloove"
key = "clv_live_sk_berlin"
"""


def test_the_file_holds_several_stores_with_limits_of_their_own(tmp_path: Path) -> None:
    settings = given(tmp_path, TWO)
    berlin, tokyo = settings.stores
    assert [s.name for s in settings.stores] == ["berlin", "tokyo"]
    assert tokyo.limits == Limits(9000, None, 5)
    assert berlin.limits == settings.limits == Limits(1000, None, 5)
    assert tokyo.url == "https://tokyo.example"
    assert tokyo.webhook_hosts == ("hooks.example.com",)
    assert set(settings.secrets()) == {
        "claw_sk_live_tokyo",
        "clv_live_sk_berlin",
        "whsec_0123456789",
        "0123456789abcdef",
    }
    assert "whsec" not in repr(settings)


def test_a_limit_of_the_environment_tightens_every_store_and_loosens_none(tmp_path: Path) -> None:
    settings = given(
        tmp_path, TWO, ORDER_SKILLS_MAX_REFUND_MINOR="500", ORDER_SKILLS_DAILY_REFUND_COUNT="50"
    )
    assert [s.limits for s in settings.stores] == 2 * [Limits(500, None, 5)]


def test_a_key_of_the_environment_and_a_table_of_that_name_are_one_store(tmp_path: Path) -> None:
    file = """
    [stores.clawver]
    platform = "clawver"
    key_file = "/there/is/none"
    url = "https://from-the-file.example"
    max_refund_minor = 700
    """
    (store,) = given(tmp_path, file, CLAW_API_KEY="claw_sk_env").stores
    assert store.key.reveal() == "claw_sk_env"
    assert store.key_setting == "CLAW_API_KEY"
    assert store.url == "https://from-the-file.example"
    assert store.limits.max_refund_minor == 700


def test_an_address_of_the_environment_wins_over_the_files(tmp_path: Path) -> None:
    variables = {"ORDER_SKILLS_CLAWVER_URL": "https://from-the-environment.example"}
    berlin, tokyo = given(tmp_path, TWO, **variables).stores
    assert tokyo.url == "https://from-the-environment.example"
    assert berlin.url == "https://api.clooveai.com"


def test_a_key_of_the_environment_stands_beside_a_store_of_another_name(tmp_path: Path) -> None:
    settings = given(tmp_path, TWO, CLAW_API_KEY="claw_sk_env")
    keys = {store.name: store.key.reveal() for store in settings.stores}
    assert keys == {
        "berlin": "clv_live_sk_berlin",
        "clawver": "claw_sk_env",
        "tokyo": "claw_sk_live_tokyo",
    }


def test_a_store_of_the_file_that_has_a_platforms_name_gets_no_other_platforms_key(
    tmp_path: Path,
) -> None:
    file = '[stores.paynow]\nplatform = "clawver"\nkey = "claw_sk_file"\n'
    (store,) = given(tmp_path, file).stores
    assert store.key.reveal() == "claw_sk_file"
    with pytest.raises(ConfigurationError, match="rename it") as caught:
        given(tmp_path, file, PAYNOW_API_KEY="pnapi_1", PAYNOW_STORE_ID="1")
    assert caught.value.setting == "PAYNOW_API_KEY"


def test_the_same_key_may_serve_two_stores_at_two_addresses_e11(tmp_path: Path) -> None:
    file = "".join(
        f'[stores.{name}]\nplatform = "clawver"\nkey = "claw_sk_1"\nurl = "https://{name}.example"\n'
        for name in ("one", "two")
    )
    one, two = given(tmp_path, file).stores
    assert one.key == two.key
    assert one.url != two.url


GOOD = 'platform = "clawver"\nkey = "x"\n'
PAYNOW = 'platform = "paynow"\nkey = "x"\n'
CLOOVE = 'platform = "cloove"\nkey = "x"\n'
BAD_TABLES = {
    "platform missing": ('key = "x"', "platform"),
    "platform unknown": ('platform = "shopify"', "platform"),
    "no key": ('platform = "clawver"', "key"),
    "two keys": ('platform = "clawver"\nkey = "a"\nkey_file = "/b"', "key_file"),
    "key of another": ('platform = "clawver"\nkey = "pnapi_1"', "key"),
    "key no text": ('platform = "clawver"\nkey = 5', "key"),
    "relative key file": ('platform = "clawver"\nkey_file = "k"', "key_file"),
    "misspelt": ('platform = "clawver"\nkye = "x"', "kye"),
    "control character": ('platform = "clawver"\n"a\\u001b[2J" = 1', "a\\x1b[2J"),
    "limit as text": (GOOD + 'max_refund_minor = "1,0"', "max_refund_minor"),
    "limit as a float": (GOOD + "max_refund_minor = 5.0", "max_refund_minor"),
    "limit as a boolean": (GOOD + "daily_refund_count = true", "daily_refund_count"),
    "http": (GOOD + 'url = "http://a.example"', "url"),
    "store id": (GOOD + 'store_id = "1"', "store_id"),
    "store id as a number": (PAYNOW + "store_id = 1", "store_id"),
    "store id too long": (PAYNOW + f'store_id = "{"1" * 21}"', "store_id"),
    "currency of another": (GOOD + 'currency = "NGN"', "currency"),
    "amounts of another": (PAYNOW + 'store_id = "1"\namounts = "minor"', "amounts"),
    "currency in small letters": (CLOOVE + 'currency = "ngn"', "currency"),
    "currency as a word": (CLOOVE + 'currency = "naira"', "currency"),
    "amounts in another word": (CLOOVE + 'amounts = "cents"', "amounts"),
    "short secret W4": (GOOD + 'webhook_secrets = ["short"]', "webhook_secrets"),
    "no secrets": (GOOD + "webhook_secrets = []", "webhook_secrets"),
    "host with scheme": (GOOD + 'webhook_hosts = ["https://a.b"]', "webhook_hosts"),
    "host as an address": (GOOD + 'webhook_hosts = ["10.0.0.1"]', "webhook_hosts"),
}


@pytest.mark.parametrize(("table", "named"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_names_the_store_the_setting_and_the_file(
    tmp_path: Path, table: str, named: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, f"[stores.main]\n{table}\n")
    assert caught.value.setting == f"stores.main.{named} in {tmp_path / 'config.toml'}"
    assert str(caught.value).isprintable()


def test_a_platform_of_the_file_without_an_adapter_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[stores.main]\nplatform = "paynow"\nkey = "pnapi_1"\n')
    config.chmod(0o600)
    with pytest.raises(ConfigurationError, match="serves Clawver only"):
        load({"ORDER_SKILLS_HOME": str(tmp_path)}, served=frozenset({"clawver"}))


def test_a_cloove_store_may_say_in_what_it_counts(tmp_path: Path) -> None:
    file = "".join(
        f"[stores.{name}]\n{CLOOVE}{more}\n"
        for name, more in {"told": 'currency = "GHS"\namounts = "minor"', "untold": ""}.items()
    )
    told, untold = given(tmp_path, file).stores
    assert (told.currency, told.amounts) == ("GHS", "minor")
    assert (untold.currency, untold.amounts) == (None, None)


def test_a_setting_of_one_platform_says_whose_it_is_where_it_stands_at_another(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(tmp_path, f'[stores.main]\n{GOOD}amounts = "minor"\n')
    assert caught.value.problem == "is for Cloove stores only, and this is Clawver's; remove it"


@pytest.mark.parametrize("name", ["Main", "1st", '""', '"a b"', '"../x"', '"é"', "a" * 33])
def test_a_stores_name_that_could_not_be_an_argument_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"a store's name is .*") as caught:
        given(tmp_path, f'[stores.{name}]\nplatform = "clawver"\nkey = "claw_sk_1"\n')
    assert caught.value.setting.startswith("stores in ")
