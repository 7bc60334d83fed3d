"""What the environment alone says, the defaults, and what loading touches and shows."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from order_skills.errors import ConfigurationError
from order_skills.settings import Approval, Limits, Secret, Settings, load

KEY = "claw_sk_live_CANARY0123456789"

Load = Callable[..., Settings]


@pytest.fixture
def given(tmp_path: Path) -> Load:
    """Loads settings of a private home, from `file` if one is given, and the variables."""

    def load_given(file: str = "", *, sandbox: bool = False, **variables: str) -> Settings:
        if file:
            config = tmp_path / "config.toml"
            config.write_text(file, encoding="utf-8")
            config.chmod(0o600)
        return load({"ORDER_SKILLS_HOME": str(tmp_path), **variables}, sandbox=sandbox)

    return load_given


def test_without_any_setting_every_refund_waits_for_a_person_e12(given: Load) -> None:
    settings = given()
    assert settings.approval == Approval("always")
    assert settings.approval_doors == {"host", "command"}
    assert settings.approval_hours == 24
    assert settings.approval_by == "anyone"


def test_the_defaults_are_the_documented_ones(given: Load, tmp_path: Path) -> None:
    settings = given()
    assert settings.stores == ()
    assert settings.read_only is False
    assert settings.limits == Limits(None, None, None)
    assert settings.personal_data == "masked"
    assert settings.requests_per_minute is None
    assert settings.log == "warning"
    assert settings.ledger == tmp_path / "ledger.db"
    assert settings.trust_env is False
    assert settings.sandbox is False
    assert settings.config is None


def test_every_variable_is_understood(given: Load, tmp_path: Path) -> None:
    settings = given(
        CLAW_API_KEY=KEY,
        ORDER_SKILLS_CLAWVER_URL="http://127.0.0.1:8080/",
        ORDER_SKILLS_LEDGER=str(tmp_path / "other.db"),
        ORDER_SKILLS_READ_ONLY="1",
        ORDER_SKILLS_APPROVAL="above:2500",
        ORDER_SKILLS_APPROVAL_DOORS="command",
        ORDER_SKILLS_APPROVAL_HOURS="1.5",
        ORDER_SKILLS_APPROVAL_BY="another",
        ORDER_SKILLS_MAX_REFUND_MINOR="5000",
        ORDER_SKILLS_DAILY_REFUND_MINOR="20000",
        ORDER_SKILLS_DAILY_REFUND_COUNT="7",
        ORDER_SKILLS_PERSONAL_DATA="shown",
        ORDER_SKILLS_REQUESTS_PER_MINUTE="60",
        ORDER_SKILLS_LOG="debug",
    )
    (store,) = settings.stores
    assert (store.name, store.platform) == ("clawver", "clawver")
    assert store.url == "http://127.0.0.1:8080"
    assert store.key.reveal() == KEY
    assert store.key_setting == "CLAW_API_KEY"
    assert store.limits == settings.limits == Limits(5000, 20000, 7)
    assert settings.ledger == tmp_path / "other.db"
    assert settings.read_only is True
    assert settings.approval == Approval("above", 2500)
    assert settings.approval_doors == {"command"}
    assert settings.approval_hours == 1.5
    assert settings.approval_by == "another"
    assert settings.personal_data == "shown"
    assert settings.requests_per_minute == 60
    assert settings.log == "debug"


BAD_VALUES = {
    "READ_ONLY": ["", "true", "yes", "2", "01"],
    "APPROVAL": ["", "Always", "no", "above", "above:", "above:-1", "above:1.5", "above:1,000"],
    "APPROVAL_DOORS": ["", "host", "host;command", "command,command", "web", "none"],
    "APPROVAL_HOURS": ["", "0", "-1", "nan", "inf", "1e3", "8761", "1,5", "99999999999999999"],
    "APPROVAL_BY": ["", "Another", "anybody", "another,anyone", "1"],
    "MAX_REFUND_MINOR": ["", "-1", "1,000", "10.00", "1e3", "5_00", " 7 ", "٥٠٠", "9" * 17, "+1"],
    "DAILY_REFUND_MINOR": ["-0", "9007199254740992", "0x10", "9" * 5_000],
    "DAILY_REFUND_COUNT": ["-1", "1.0", "many"],
    "PERSONAL_DATA": ["", "Masked", "yes"],
    "REQUESTS_PER_MINUTE": ["0", "-5", "1.5", "100001"],
    "LOG": ["", "DEBUG", "trace"],
    "HOME": ["", "relative/home", "~/orders", "/home\n/x"],
    "LEDGER": ["", "ledger.db", "mysql://h/db", "postgres://h/db", "sqlite:///x.db"],
    "CLAWVER_URL": ["", "api.clawver.store"],
    # Its store is not served by this version; a bad value stops the start all the same.
    "PAYNOW_URL": ["http://api.paynow.gg"],
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param(f"ORDER_SKILLS_{name}", value, id=f"E5-E6-{name}-{number}")
        for name, values in BAD_VALUES.items()
        for number, value in enumerate(values)
    ],
)
def test_a_bad_value_stops_the_start_with_the_name_of_its_variable(
    given: Load, variable: str, value: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(**{variable: value})
    assert caught.value.setting == variable
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("variable", "suggested"),
    [
        ("ORDER_SKILLS_APROVAL", "ORDER_SKILLS_APPROVAL"),
        ("ORDER_SKILLS_MAX_REFUND", "ORDER_SKILLS_MAX_REFUND_MINOR"),
        ("ORDER_SKILLS_READONLY", "ORDER_SKILLS_READ_ONLY"),
        ("ORDER_SKILLS_log", "ORDER_SKILLS_LOG"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest_one_e5(
    given: Load, variable: str, suggested: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(**{variable: "1"})
    assert caught.value.setting == variable
    assert f"did you mean {suggested}?" in caught.value.problem


@pytest.mark.parametrize(
    "variable", ["ORDER_SKILLS_", "ORDER_SKILLS_XYZZY", "ORDER_SKILLS_TRUST_ENV"]
)
def test_a_variable_that_is_near_to_none_is_refused_too_e5(given: Load, variable: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(**{variable: "1"})
    assert caught.value.setting == variable


def test_variables_of_other_programs_are_none_of_our_business(given: Load) -> None:
    assert given(ORDERSKILLS_LOG="loud", APPROVAL="never").approval == Approval("always")


# --- home and ledger -----------------------------------------------------------------------


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folders of Linux")
@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"HOME": "/home/a"}, "/home/a/.local/share/order-skills"),
        ({"HOME": "/home/a", "XDG_DATA_HOME": "/data"}, "/data/order-skills"),
        (
            {"HOME": "/home/a", "XDG_DATA_HOME": "data"},
            "/home/a/.local/share/order-skills",
        ),
        ({"HOME": "/home/ä b"}, "/home/ä b/.local/share/order-skills"),
        ({"HOME": "/home/a", "ORDER_SKILLS_HOME": "/x"}, "/x"),
    ],
)
def test_the_home_is_the_users_data_folder_unless_set_e8(
    environ: dict[str, str], home: str
) -> None:
    settings = load(environ)
    assert settings.home == Path(home)
    assert settings.ledger == Path(home) / "ledger.db"


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_any_home_the_variable_to_set_is_named_e8(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    assert caught.value.setting == "ORDER_SKILLS_HOME"


@pytest.mark.skipif(sys.platform == "win32", reason="its names are limited otherwise")
def test_a_home_with_an_impossible_name_is_a_clear_error_e8() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({"ORDER_SKILLS_HOME": "/" + 300 * "x"})
    assert "cannot be read" in caught.value.problem


def test_loading_makes_no_folder(tmp_path: Path) -> None:
    load({"ORDER_SKILLS_HOME": str(tmp_path / "home"), "CLAW_API_KEY": KEY})
    assert not (tmp_path / "home").exists()


def test_a_postgresql_ledger_is_a_secret(given: Load) -> None:
    address = "postgresql://orders:pa55word@db.example.com/orders"
    settings = given(ORDER_SKILLS_LEDGER=address)
    assert isinstance(settings.ledger, Secret)
    assert settings.ledger.reveal() == address
    assert settings.secrets() == (address,)
    assert "pa55word" not in repr(settings)


# --- the sandbox ---------------------------------------------------------------------------


def test_a_sandbox_ignores_every_key_and_the_file_of_the_home(given: Load, tmp_path: Path) -> None:
    settings = given(
        "this is not even TOML",
        sandbox=True,
        CLAW_API_KEY="pnapi_of_another_platform",
        PAYNOW_API_KEY="",
        ORDER_SKILLS_LEDGER=str(tmp_path / "ledger.db"),
    )
    assert settings.sandbox is True
    assert settings.stores == ()
    assert settings.secrets() == ()
    assert settings.config is None
    assert settings.ledger == tmp_path / "sandbox-ledger.db"


def test_a_sandbox_keeps_the_policy_of_the_environment(given: Load) -> None:
    settings = given(
        sandbox=True,
        ORDER_SKILLS_READ_ONLY="1",
        ORDER_SKILLS_APPROVAL="never",
        ORDER_SKILLS_MAX_REFUND_MINOR="100",
        ORDER_SKILLS_PERSONAL_DATA="shown",
        ORDER_SKILLS_LOG="info",
    )
    assert settings.read_only is True
    assert settings.approval == Approval("never")
    assert settings.limits == Limits(100, None, None)
    assert settings.personal_data == "shown"
    assert settings.log == "info"


def test_a_sandbox_with_a_file_named_takes_its_policy_and_none_of_its_stores(
    tmp_path: Path,
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        'approval = "above:500"\n[stores.clawver]\nplatform = "clawver"\nkey_file = "/none"\n'
    )
    config.chmod(0o600)
    settings = load({"ORDER_SKILLS_HOME": str(tmp_path)}, config, sandbox=True)
    assert settings.approval == Approval("above", 500)
    assert settings.stores == ()


# --- secrets, and what loading costs -------------------------------------------------------


def test_no_form_of_the_settings_shows_a_key(given: Load) -> None:
    settings = given(CLAW_API_KEY=KEY)
    (store,) = settings.stores
    forms = [repr(settings), str(settings), str(store), f"{store.key}", f"{store.key:>40}"]
    forms += [str(store.key), repr(vars(type(store.key))), repr([store.key])]
    assert all("CANARY" not in form for form in forms)
    assert settings.secrets() == (KEY,)


def test_two_secrets_are_equal_by_value_and_a_secret_is_no_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_importing_the_settings_loads_nothing_heavy() -> None:
    heavy = "{'httpx2', 'mcp', 'pydantic', 'anyio', 'tomllib', 'asyncio', 'difflib'}"
    code = f"import sys, order_skills.settings; print(sorted({heavy} & set(sys.modules)))"
    environ = {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
