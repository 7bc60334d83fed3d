"""How `serve --http` serves a team: its public address, sign-in, and how many replicas there are.

All of it is in the file's `[http]` and `[tokens.NAME]` tables, which every replica reads.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from order_skills import settings_values as values
from order_skills.settings_addresses import (
    checked_address,
    checked_host,
    checked_origin,
    exact_address,
)
from order_skills.settings_source import Source
from order_skills.settings_values import BadValue, Secret

SCOPES = ("orders:read", "orders:write", "refunds:write", "webhooks:write")
DEFAULT_REQUESTS_PER_MINUTE = 600
# As much as the cipher's key holds; a shorter one can be guessed.
MIN_STATE_KEY = 32
# A key made by chance has at least these; a word repeated has not.
MIN_DIFFERENT = 8
MAX_REPLICAS = 100

_HTTP = (
    "url",
    "hosts",
    "origins",
    "replicas",
    "state_keys",
    "sessions",
    "requests_per_minute",
    "oauth",
)
_OAUTH = ("issuer", "jwks_url", "audience", "algorithms", "stores_claim")
_TOKEN = ("hash", "scopes", "stores")
# Asymmetric ones alone: with a shared secret, whoever can check a token can make one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_CLAIM = re.compile(r"[A-Za-z0-9_:./-]{1,100}")


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """An issuer whose JWTs are taken.

    Args:
        issuer: as its tokens' `iss` has it, exactly.
        jwks_url: where its public keys are; https, or loopback.
        audience: what a token's `aud` must hold: our own address unless told.
        stores_claim: the claim that lists a token's stores; None: every token sees all of them.
    """

    issuer: str
    jwks_url: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    stores_claim: str | None = None


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """A token of ours: `sha256:` and the hash of a long random text, which only its holder has."""

    name: str
    hash: str
    scopes: frozenset[str]
    stores: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What a service needs to know that a desktop does not.

    Args:
        url: the public address, `https://host/mcp`, that clients are told.
        hosts: what a Host header may say, `name` or `name:port`.
        origins: what an Origin header may say; browsers send one, agents mostly do not.
        replicas: how many processes serve the same stores.
        state_keys: seal what a client carries between two requests; the first seals, all open.
        sessions: whether clients of the older protocol get a session, which lives in one process.
        requests_per_minute: of one principal; None is no limit.
    """

    url: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    replicas: int = 1
    state_keys: tuple[Secret, ...] = ()
    sessions: bool = True
    requests_per_minute: int | None = DEFAULT_REQUESTS_PER_MINUTE
    oauth: OAuthSettings | None = None
    tokens: tuple[TokenSettings, ...] = ()

    @property
    def signs_in(self) -> bool:
        """Whether there is a way to sign in."""
        return self.oauth is not None or bool(self.tokens)


def read_http(path: Path | None, file: Source, stores: frozenset[str]) -> HttpSettings:
    """The `[http]` and `[tokens.NAME]` tables of the file.

    Args:
        stores: the names of the configured stores, which a token can be limited to.

    Raises:
        ConfigurationError: naming the setting.
    """
    table = Source(file.get("http", _table) or {}, partial("http.{1} in {0}".format, path))
    table.refuse_others(_HTTP)
    url = table.get("url", _public_address)
    replicas = table.get("replicas", _replicas) or 1
    hosts = table.get("hosts", _hosts) or ()
    if url is not None and not hosts:
        hosts = (urlsplit(url).netloc,)
    keys = table.get("state_keys", _state_keys) or ()
    if replicas > 1 and not keys:
        raise table.wrong(
            "state_keys",
            "is missing, and several replicas need one to open what another sealed; "
            f"a list of texts of at least {MIN_STATE_KEY} random characters",
        )
    sessions = table.get("sessions", values.flag)
    rate = table.get("requests_per_minute", values.requests_per_minute)
    return HttpSettings(
        url=url,
        hosts=hosts,
        origins=table.get("origins", _origins) or (),
        replicas=replicas,
        state_keys=keys,
        sessions=replicas == 1 if sessions is None else sessions,
        requests_per_minute=rate or DEFAULT_REQUESTS_PER_MINUTE,
        oauth=_oauth(path, table, url),
        tokens=_tokens(path, file, stores),
    )


def _oauth(path: Path | None, http: Source, url: str | None) -> OAuthSettings | None:
    found = http.get("oauth", _table)
    if found is None:
        return None
    if url is None:
        raise http.wrong("url", "is missing, and a sign-in needs the address that clients use")
    table = Source(found, partial("http.oauth.{1} in {0}".format, path))
    table.refuse_others(_OAUTH)
    issuer, keys = table.get("issuer", exact_address), table.get("jwks_url", exact_address)
    if issuer is None or keys is None:
        missing = "issuer" if issuer is None else "jwks_url"
        raise table.wrong(missing, "is missing; an issuer's tokens are checked with its keys")
    return OAuthSettings(
        issuer=issuer,
        jwks_url=keys,
        audience=table.get("audience", values.text) or url,
        algorithms=table.get("algorithms", _algorithms) or ("RS256", "ES256"),
        stores_claim=table.get("stores_claim", _claim),
    )


def _tokens(path: Path | None, file: Source, stores: frozenset[str]) -> tuple[TokenSettings, ...]:
    found = []
    hashes: dict[str, str] = {}
    for name, fields in (file.get("tokens", _token_tables) or {}).items():
        table = Source(fields, partial("tokens.{1}.{2} in {0}".format, path, name))
        table.refuse_others(_TOKEN)
        digest, scopes = table.get("hash", _hash), table.get("scopes", _scopes)
        if digest is None or scopes is None:
            missing = "hash" if digest is None else "scopes"
            raise table.wrong(missing, "is missing; `order-skills tokens new` writes both")
        if digest in hashes:
            raise table.wrong("hash", f"is that of {hashes[digest]}, too; make a token for each")
        hashes[digest] = name
        limited = table.get("stores", _names)
        if limited is not None and not limited <= stores:
            raise table.wrong("stores", "names a store that is not configured")
        found.append(TokenSettings(name, digest, scopes, limited))
    return tuple(found)


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadValue("must be a table")
    return dict(value)


def _token_tables(value: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict) or not all(isinstance(t, dict) for t in value.values()):
        raise BadValue("must hold tables, one for each token: [tokens.NAME]")
    if not all(values.is_store_name(name) for name in value):
        raise BadValue("a token's name is 1 to 32 of a-z, 0-9, _ and -, and begins with a letter")
    return {name: dict(table) for name, table in value.items()}


def _public_address(value: object) -> str:
    address = checked_address(value)
    if not address.endswith("/mcp"):
        raise BadValue("must be the address of the tools, such as https://orders.example.com/mcp")
    return address


def _replicas(value: object) -> int:
    number = values.count(value)
    if not 1 <= number <= MAX_REPLICAS:
        raise BadValue(f"must be a whole number from 1 to {MAX_REPLICAS}")
    return number


def _list(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise BadValue(f"must be a list of {what} in quotes")
    return value


def _hosts(value: object) -> tuple[str, ...]:
    return tuple(map(checked_host, _list(value, "host names")))


def _origins(value: object) -> tuple[str, ...]:
    return tuple(map(checked_origin, _list(value, "origins")))


def _state_keys(value: object) -> tuple[Secret, ...]:
    keys = _list(value, "keys")
    if any(len(key) < MIN_STATE_KEY or len(set(key)) < MIN_DIFFERENT for key in keys):
        raise BadValue(f"must hold keys of at least {MIN_STATE_KEY} random characters")
    if len(set(keys)) != len(keys):
        raise BadValue("holds one key twice")
    return tuple(map(Secret, keys))


def _algorithms(value: object) -> tuple[str, ...]:
    names = _list(value, "algorithms")
    if not set(names) <= set(ALGORITHMS):
        raise BadValue(f"must be among {', '.join(ALGORITHMS)}")
    return tuple(names)


def _claim(value: object) -> str:
    if not isinstance(value, str) or not _CLAIM.fullmatch(value):
        raise BadValue("must be the name of a claim")
    return value


def _hash(value: object) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise BadValue("must be sha256: and 64 hex digits; `order-skills tokens new` makes it")
    return value


def _scopes(value: object) -> frozenset[str]:
    names = _list(value, "scopes")
    if not set(names) <= set(SCOPES):
        raise BadValue(f"must be among {', '.join(SCOPES)}")
    return frozenset(names)


def _names(value: object) -> frozenset[str]:
    return frozenset(_list(value, "stores"))
