"""The settings of a service: its address, its issuer, its tokens; every refused value by name."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from order_skills.errors import ConfigurationError
from order_skills.settings import Settings, load
from order_skills.settings_http import (
    ALGORITHMS,
    SCOPES,
    HttpSettings,
    OAuthSettings,
    TokenSettings,
)
from order_skills.settings_values import Secret

URL = "https://orders.example.com/mcp"
KEY = "8Jt1xq0ZcV4mN7bL2sKfQ9wEaR3yUiHo"
OTHER_KEY = "pG6dT5hW8rX1vB0nM4kC7jZ2qL9sF3aY"
HASH = "sha256:" + "0123456789abcdef" * 4
OTHER_HASH = "sha256:" + "fedcba9876543210" * 4
STORES = """
[stores.papers]
platform = "clawver"
key = "claw_sk_test_0123456789"
[stores.shop]
platform = "clawver"
key = "claw_sk_test_9876543210"
url = "https://shop.example"
"""
OAUTH = """
[http]
url = "https://orders.example.com/mcp"
[http.oauth]
issuer = "https://login.example.com/"
jwks_url = "https://login.example.com/keys"
"""
TOKEN = f'{STORES}[tokens.agent]\nhash = "{HASH}"\nscopes = ["orders:read"]\n'

Load = Callable[..., Settings]


@pytest.fixture
def given(tmp_path: Path) -> Load:
    """Loads settings of a private home with this file."""

    def load_given(file: str = "", mode: int = 0o600, **variables: str) -> Settings:
        config = tmp_path / "config.toml"
        config.write_text(file, encoding="utf-8")
        config.chmod(mode)
        return load({"ORDER_SKILLS_HOME": str(tmp_path), **variables})

    return load_given


def test_without_any_of_them_nobody_signs_in_and_one_process_serves(given: Load) -> None:
    http = given().http
    assert http == HttpSettings()
    assert http.signs_in is False
    assert (http.url, http.hosts, http.origins, http.replicas) == (None, (), (), 1)
    assert (http.sessions, http.requests_per_minute) == (True, 600)


def test_every_setting_is_understood(given: Load) -> None:
    http = given(
        f"""
{STORES}
[http]
url = "{URL}"
hosts = ["orders.example.com", "10.0.0.7:8443", "[::1]:8000", "replica-1"]
origins = ["https://chat.example.com", "http://localhost:3000", "https://a.example:8443"]
replicas = 3
state_keys = ["{KEY}", "{OTHER_KEY}"]
sessions = true
requests_per_minute = 120
[http.oauth]
issuer = "https://login.example.com/tenant/"
jwks_url = "https://keys.example.com:8443/.well-known/jwks.json"
audience = "urn:orders"
algorithms = ["ES256", "EdDSA"]
stores_claim = "https://orders.example.com/stores"
[tokens.agent]
hash = "{HASH}"
scopes = ["orders:read", "refunds:write"]
stores = ["papers"]
[tokens.lead-2]
hash = "{OTHER_HASH}"
scopes = ["orders:read", "orders:write", "refunds:write", "webhooks:write"]
"""
    ).http
    assert http == HttpSettings(
        url=URL,
        hosts=("orders.example.com", "10.0.0.7:8443", "[::1]:8000", "replica-1"),
        origins=("https://chat.example.com", "http://localhost:3000", "https://a.example:8443"),
        replicas=3,
        state_keys=(Secret(KEY), Secret(OTHER_KEY)),
        sessions=True,
        requests_per_minute=120,
        oauth=OAuthSettings(
            issuer="https://login.example.com/tenant/",
            jwks_url="https://keys.example.com:8443/.well-known/jwks.json",
            audience="urn:orders",
            algorithms=("ES256", "EdDSA"),
            stores_claim="https://orders.example.com/stores",
        ),
        tokens=(
            TokenSettings(
                "agent", HASH, frozenset({"orders:read", "refunds:write"}), frozenset({"papers"})
            ),
            TokenSettings(
                "lead-2",
                OTHER_HASH,
                frozenset({"orders:read", "orders:write", "refunds:write", "webhooks:write"}),
            ),
        ),
    )
    assert http.signs_in is True


def test_what_is_not_said_follows_from_what_is(given: Load) -> None:
    http = given(OAUTH).http
    assert http.hosts == ("orders.example.com",)
    assert http.signs_in is True
    assert http.oauth is not None
    assert http.oauth.audience == URL
    assert http.oauth.algorithms == ("RS256", "ES256")
    assert http.oauth.stores_claim is None
    several = given(f'[http]\nreplicas = 2\nstate_keys = ["{KEY}"]\n').http
    assert several.sessions is False


@pytest.mark.parametrize(
    ("url", "address", "host"),
    [
        (URL, URL, "orders.example.com"),
        ("https://orders.example.com/team/mcp", None, "orders.example.com"),
        ("https://orders.example.com:8443/mcp", None, "orders.example.com:8443"),
        ("https://Orders.Example.com:443/mcp", URL, "orders.example.com"),
        ("https://10.0.0.7/mcp", None, "10.0.0.7"),
        ("http://127.0.0.1:8000/mcp", None, "127.0.0.1:8000"),
        ("http://localhost/mcp", None, "localhost"),
        ("http://[::1]:8000/mcp", None, "[::1]:8000"),
    ],
)
def test_an_address_is_kept_as_clients_send_it(
    given: Load, url: str, address: str | None, host: str
) -> None:
    http = given(f'[http]\nurl = "{url}"\n').http
    assert http.url == (address or url)
    assert http.hosts == (host,)


def test_an_issuer_is_kept_letter_by_letter(given: Load) -> None:
    oauth = given(OAUTH.replace("login.example.com/", "Login.Example.com:443/", 1)).http.oauth
    assert oauth is not None
    assert oauth.issuer == "https://Login.Example.com:443/"


BAD_ADDRESSES = (
    "",
    "orders.example.com/mcp",
    "//orders.example.com/mcp",
    "ftp://orders.example.com/mcp",
    "http://orders.example.com/mcp",
    "http://127.0.0.1.evil.com/mcp",
    "http://localhost.evil.com/mcp",
    "http://evil-localhost/mcp",
    "http://127.0.0.1@evil.com/mcp",
    "http://localhost:80@evil.com/mcp",
    "http://0.0.0.0/mcp",
    "http://[::]/mcp",
    "http://2130706433/mcp",
    "http://0x7f.1/mcp",
    "http://127.1/mcp",
    "https://user@orders.example.com/mcp",
    "https://user:word@orders.example.com/mcp",
    "https://orders.example.com/mcp#x",
    "https://orders.example.com/mcp?x=1",
    "https://orders.example.com:0/mcp",
    "https://orders.example.com:99999/mcp",
    "https://orders.example.com:/mcp",
    "https:///mcp",
    "https://:443/mcp",
    "https://orders..example.com/mcp",
    "https://-orders.example.com/mcp",
    "https://orders_example.com/mcp",
    "https://örders.example.com/mcp",
    "https://orders.example.com/%6dcp/mcp",
    "https://orders.example.com/a b/mcp",
    "https://orders.example.com/../mcp",
    "https://orders.example.com/./mcp",
    "https://orders.example.com//mcp",
    "https://orders.example.com\\\\@evil.com/mcp",
    "https://[::1/mcp",
    "https://[orders.example.com]/mcp",
    "https://orders.example.com/mcp\\n",
    "https://orders.example.com/\\u0000mcp",
)
NO_URL = (
    "https://orders.example.com",
    "https://orders.example.com/",
    "https://orders.example.com/mcp/",
    "https://orders.example.com/MCP",
    "https://orders.example.com/xmcp",
    "https://orders.example.com/mcp/x",
)
BAD_HOSTS = (
    "",
    "*",
    "*.example.com",
    "Orders.example.com",
    "https://orders.example.com",
    "orders.example.com/",
    "orders..example.com",
    ".example.com",
    "orders.example.com.",
    "-a.example",
    "orders.example.com:",
    "orders.example.com:0",
    "orders.example.com:65536",
    "orders.example.com:80:80",
    "a@b.example",
    "::1",
    "[::1",
    "[1.2.3.4]",
    "[zz::1]",
    "1.2.3",
    "a b",
    "örders.example",
)
BAD_ORIGINS = (
    "",
    "null",
    "*",
    "chat.example.com",
    "http://chat.example.com",
    "https://chat.example.com/",
    "https://chat.example.com/x",
    "https://Chat.example.com",
    "https://chat.example.com:443",
    "https://u@chat.example.com",
    "https://*.example.com",
    "https://",
    "https://[::1",
    "http://localhost.evil.com",
)


def lines(setting: str, *values: str) -> list[str]:
    return [f"{setting} = {value}" for value in values]


BAD_HTTP = {
    "url": [
        *lines("url", "7", "true", "[]", '["https://a.example/mcp"]'),
        *(f'url = "{address}"' for address in (*BAD_ADDRESSES, *NO_URL)),
    ],
    "hosts": [
        *lines("hosts", '"orders.example.com"', "[]", "[7]", "7", "{}"),
        *(f'hosts = ["a.example", "{host}"]' for host in BAD_HOSTS),
    ],
    "origins": [
        *lines("origins", '"https://a.example"', "[]", "[7]"),
        *(f'origins = ["https://a.example", "{origin}"]' for origin in BAD_ORIGINS),
    ],
    "replicas": lines("replicas", "0", "-1", "101", "2.0", '"many"', "true", "[2]"),
    "state_keys": [
        "replicas = 2",
        *lines(
            "state_keys",
            f'"{KEY}"',
            "[]",
            "[7]",
            f'["{KEY[:-1]}"]',
            f'["{KEY}", "short"]',
            f'["{KEY}", "{KEY}"]',
            f'["{"a" * 64}"]',
            f'["{"secret" * 10}"]',
        ),
    ],
    "sessions": lines("sessions", '"yes"', "2", "[]"),
    "requests_per_minute": lines("requests_per_minute", "0", "-1", "1.5", "100001", '"none"'),
    "oauth": lines("oauth", "7", "[]", '"https://login.example.com"'),
    "ulr": [f'ulr = "{URL}"'],
    "tokens": ["tokens = []"],
}


def echoed(error: ConfigurationError, line: str) -> list[str]:
    """What of the values in this line the error repeats."""
    problem = error.problem
    for words in IN_EXAMPLES:
        problem = problem.replace(words, "")
    return [value for value in re.findall(r'"([^"]{6,})"', line) if value in problem]


# What errors give as examples and lists of ours, whatever the value was.
IN_EXAMPLES = (
    URL,
    "https://api.example.com",
    "https://chat.example.com",
    "orders.example.com",
    "sha256:",
    *SCOPES,
    *ALGORITHMS,
)


def refusal(given: Load, file: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        given(file)
    assert str(caught.value).isprintable()
    assert len(caught.value.problem) < 200
    return caught.value


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        pytest.param(setting, line, id=f"{setting}-{number}")
        for setting, found in BAD_HTTP.items()
        for number, line in enumerate(found)
    ],
)
def test_a_bad_value_of_the_service_is_refused_by_name(
    given: Load, tmp_path: Path, setting: str, line: str
) -> None:
    error = refusal(given, f"[http]\n{line}\n")
    assert error.setting == f"http.{setting} in {tmp_path / 'config.toml'}"
    assert echoed(error, line) == []


BAD_OAUTH = {
    "issuer": [
        "# none",
        *lines("issuer", "7", "[]"),
        *(f'issuer = "{a}"' for a in BAD_ADDRESSES),
    ],
    "jwks_url": [
        "# none",
        *lines("jwks_url", "7", "[]"),
        *(f'jwks_url = "{a}"' for a in BAD_ADDRESSES),
    ],
    "audience": lines("audience", "7", '""', '" "', "[]", '"a\\nb"'),
    "algorithms": lines(
        "algorithms",
        '"RS256"',
        "[]",
        "[7]",
        '["none"]',
        '["HS256"]',
        '["RS256", "HS256"]',
        '["rs256"]',
        '["ES256K"]',
        '["ES512"]',
    ),
    "stores_claim": lines("stores_claim", "7", '""', '"two words"', '["stores"]', f'"{"x" * 101}"'),
    "client_secret": ['client_secret = "very-secret-value"'],
}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        pytest.param(setting, line, id=f"{setting}-{number}")
        for setting, found in BAD_OAUTH.items()
        for number, line in enumerate(found)
    ],
)
def test_a_bad_value_of_the_issuer_is_refused_by_name(
    given: Load, tmp_path: Path, setting: str, line: str
) -> None:
    file = "".join(
        part for part in OAUTH.splitlines(keepends=True) if not part.startswith(f"{setting} =")
    )
    error = refusal(given, f"{file}{line}\n")
    assert error.setting == f"http.oauth.{setting} in {tmp_path / 'config.toml'}"
    assert echoed(error, line) == []


def test_an_issuer_needs_the_address_that_clients_use(given: Load, tmp_path: Path) -> None:
    error = refusal(given, OAUTH.replace(f'url = "{URL}"\n', "", 1))
    assert error.setting == f"http.url in {tmp_path / 'config.toml'}"
    assert "is missing" in error.problem


BAD_TOKENS = {
    "hash": [
        "# none",
        *lines(
            "hash",
            "7",
            '""',
            '"sha256:"',
            f'"{HASH[:-1]}"',
            f'"{HASH}0"',
            f'"{HASH.upper()}"',
            f'"{HASH.replace("sha256", "md5")}"',
            f'"{HASH.removeprefix("sha256:")}"',
            # A token itself, where its hash belongs.
            '"ost_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"',
        ),
    ],
    "scopes": [
        "# none",
        *lines(
            "scopes",
            '"orders:read"',
            "[]",
            "[7]",
            '["orders"]',
            '["*"]',
            '["orders:read", "admin"]',
            '["ORDERS:READ"]',
        ),
    ],
    "stores": lines("stores", '"papers"', "[]", "[7]", '["unknown-store"]', '["papers", "x"]'),
    "token": ['token = "ost_AAAAAAAAAAAAAAAAAAAA"'],
}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        pytest.param(setting, line, id=f"{setting}-{number}")
        for setting, found in BAD_TOKENS.items()
        for number, line in enumerate(found)
    ],
)
def test_a_bad_value_of_a_token_is_refused_by_name(
    given: Load, tmp_path: Path, setting: str, line: str
) -> None:
    file = "".join(
        part for part in TOKEN.splitlines(keepends=True) if not part.startswith(f"{setting} =")
    )
    error = refusal(given, f"{file}{line}\n")
    assert error.setting == f"tokens.agent.{setting} in {tmp_path / 'config.toml'}"
    assert echoed(error, line) == []


@pytest.mark.parametrize(
    "table",
    [
        "tokens = 7",
        'tokens = ["a"]',
        "[tokens]\nagent = 7",
        f'[tokens.Agent]\nhash = "{HASH}"',
        f'[tokens."a b"]\nhash = "{HASH}"',
        f'[tokens."anna@example.com"]\nhash = "{HASH}"',
        f'[tokens.{"a" * 33}]\nhash = "{HASH}"',
    ],
    ids=range(7),
)
def test_tokens_that_are_no_tables_with_names_are_refused(
    given: Load, tmp_path: Path, table: str
) -> None:
    error = refusal(given, table)
    assert error.setting == f"tokens in {tmp_path / 'config.toml'}"
    assert "anna" not in error.problem


def test_one_token_under_two_names_is_refused(given: Load, tmp_path: Path) -> None:
    two = f'{TOKEN}[tokens.lead]\nhash = "{HASH}"\nscopes = ["orders:read"]\n'
    error = refusal(given, two)
    assert error.setting == f"tokens.lead.hash in {tmp_path / 'config.toml'}"
    assert "that of agent, too" in error.problem


def test_a_token_may_see_a_store_that_the_environment_names(given: Load) -> None:
    file = f'[tokens.agent]\nhash = "{HASH}"\nscopes = ["orders:read"]\nstores = ["clawver"]\n'
    (token,) = given(file, CLAW_API_KEY="claw_sk_live_0123456789").http.tokens
    assert token.stores == {"clawver"}
    assert "is not configured" in refusal(given, file).problem


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps access lists, not modes")
def test_a_file_with_sealing_keys_must_be_private_and_one_with_hashes_need_not(
    given: Load,
) -> None:
    hashes = f'[tokens.agent]\nhash = "{HASH}"\nscopes = ["orders:read"]\n'
    assert given(hashes, mode=0o644).http.signs_in
    with pytest.raises(ConfigurationError, match="is open to other users"):
        given(f'[http]\nstate_keys = ["{KEY}"]\n', mode=0o644)


def test_sealing_keys_are_shown_by_no_repr_and_kept_from_the_logs(given: Load) -> None:
    settings = given(f'[http]\nstate_keys = ["{KEY}"]\n')
    assert KEY not in repr(settings)
    assert KEY in settings.secrets()


def test_the_environment_says_nothing_of_a_service(given: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(ORDER_SKILLS_HTTP="x")
    assert caught.value.setting == "ORDER_SKILLS_HTTP"
