"""JWTs of an issuer: what is taken from a good one, and the table of bad ones."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp.server.auth.provider import principal_components
from token_issuer import (
    AUDIENCE,
    NAME,
    NOW,
    Clock,
    Issuer,
    assembled,
    claims,
    jwk,
    key_pair,
    kind_of,
    signature,
)

from order_skills.principals import Scope
from order_skills.settings_http import ALGORITHMS
from order_skills.signin.jwt import LEEWAY_SECONDS
from order_skills.signin.verifier import Verifier

Verifiers = Callable[..., Verifier]
RS = signature(key_pair("RS"), "RS256")
HEADER = b'{"alg": "RS256", "typ": "at+jwt", "kid": "k1"}'


async def test_a_good_token_is_its_holders(issuer: Issuer, verifier: Verifier) -> None:
    found = await verifier.verify_token(issuer.token())
    assert found is not None
    meant = hashlib.sha256(f"sub\n{NAME}\nanna@example.com".encode()).hexdigest()
    assert found.principal.name == found.client_id == f"oauth:{meant[:12]}"
    assert found.principal.scopes == {Scope.ORDERS_READ, Scope.REFUNDS_WRITE}
    assert found.scopes == ["orders:read", "refunds:write"]
    assert found.principal.stores is None
    assert found.expires_at == NOW + 600
    assert found.resource == AUDIENCE
    assert principal_components(found) == (found.client_id, NAME, meant)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_on_the_list_is_checked(
    issuer: Issuer, verifier_with: Verifiers, algorithm: str
) -> None:
    issuer.keys = [jwk(key_pair(kind_of(algorithm)), algorithm, kid="k1")]
    verifier = verifier_with(f'algorithms = ["{algorithm}"]')
    good = issuer.token(algorithm=algorithm)
    assert await verifier.verify_token(good) is not None
    other = issuer.token(algorithm=algorithm, key=key_pair(kind_of(algorithm), 1))
    assert await verifier.verify_token(other) is None


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"aud": ["https://other.example", AUDIENCE]}, {}),
        ({"nbf": NOW + LEEWAY_SECONDS}, {}),
        ({"iat": NOW + LEEWAY_SECONDS}, {}),
        ({"exp": NOW - LEEWAY_SECONDS + 1}, {}),
        ({"exp": NOW + 0.5}, {}),
        ({"iat": None}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": "application/at+jwt"}),
        # Okta and Cognito name none.
        ({}, {"typ": None}),
        # Never followed, whatever stands there.
        ({}, {"jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}),
    ],
    ids=range(10),
)
async def test_a_token_within_the_bounds_is_good(
    issuer: Issuer, verifier: Verifier, changes: dict[str, Any], header: dict[str, Any]
) -> None:
    assert await verifier.verify_token(issuer.token(changes, header=header)) is not None
    assert issuer.fetches == ["/keys"]


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def public(form: Encoding) -> bytes:
    kind = PublicFormat.SubjectPublicKeyInfo
    found: bytes = key_pair("RS").public_key().public_bytes(form, kind)
    return found


def head(algorithm: str) -> bytes:
    return json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": "k1"}).encode()


GOOD = json.dumps(claims()).encode()
NO_MERIT = b'{"iss": "https://issuer.example/", "exp": 1800000600, "sub": "x"'

# What is wrong with it → claims that differ, and members of the header that do.
SIGNED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "expired": ({"exp": NOW - LEEWAY_SECONDS}, {}),
    "without an end": ({"exp": None}, {}),
    "an end that is a text": ({"exp": str(NOW + 600)}, {}),
    "an end that is a boolean": ({"exp": True}, {}),
    "an end that is a list": ({"exp": [NOW + 600]}, {}),
    "from the future": ({"nbf": NOW + LEEWAY_SECONDS + 1}, {}),
    "a beginning that is a text": ({"nbf": "0"}, {}),
    "a beginning that is a boolean": ({"nbf": True}, {}),
    "made in the future": ({"iat": NOW + LEEWAY_SECONDS + 1}, {}),
    "of another issuer": ({"iss": "https://other.example/"}, {}),
    "of an issuer without the slash": ({"iss": NAME.rstrip("/")}, {}),
    "of no issuer": ({"iss": None}, {}),
    "of a list of issuers": ({"iss": [NAME]}, {}),
    "for another audience": ({"aud": "https://other.example/mcp"}, {}),
    "for an address below": ({"aud": f"{AUDIENCE}/x"}, {}),
    "for an address above": ({"aud": "https://orders.example"}, {}),
    "for nobody": ({"aud": None}, {}),
    "for an empty list": ({"aud": []}, {}),
    "for a list in a list": ({"aud": [[AUDIENCE]]}, {}),
    "of nobody": ({"sub": None, "client_id": None}, {}),
    "of a number": ({"sub": 7, "client_id": None}, {}),
    "with scopes that are an object": ({"scope": {"orders:read": True}}, {}),
    "an id token of another kind": ({}, {"typ": "logout+jwt"}),
    "a type that is a list": ({}, {"typ": ["at+jwt"]}),
    "an unknown key": ({}, {"kid": "k9"}),
    "no key": ({}, {"kid": None}),
    "an empty key": ({}, {"kid": ""}),
    "a key that is a number": ({}, {"kid": 1}),
    "something critical": ({}, {"crit": ["exp"]}),
    "a payload elsewhere": ({}, {"b64": True}),
}

# What is wrong with it → the token.
MADE: dict[str, str] = {
    "none": "",
    "garbage": "garbage",
    "dots": "..",
    "two parts": ".".join(assembled(HEADER, GOOD, RS).split(".")[:2]),
    "four parts": f"{assembled(HEADER, GOOD, RS)}.e30",
    "no Base64": "a!.b!.c!",
    "padded": assembled(HEADER, GOOD, RS) + "==",
    "a space behind it": assembled(HEADER, GOOD, RS) + " ",
    "letters that are none": assembled(HEADER, GOOD, RS) + "\u00e9",
    "alg=none": assembled(head("none"), GOOD, lambda _: b""),
    "alg=none with a signature": assembled(head("none"), GOOD, RS),
    "alg=None": assembled(head("None"), GOOD, RS),
    "alg missing": assembled(b'{"kid": "k1"}', GOOD, RS),
    "alg a list": assembled(b'{"alg": ["RS256"], "kid": "k1"}', GOOD, RS),
    "HS256 with the public key as PEM": assembled(head("HS256"), GOOD, hs256(public(Encoding.PEM))),
    "HS256 with the public key as DER": assembled(head("HS256"), GOOD, hs256(public(Encoding.DER))),
    "RS256 in name, HS256 in truth": assembled(HEADER, GOOD, hs256(public(Encoding.PEM))),
    "an algorithm that is not listed": assembled(
        head("RS512"), GOOD, signature(key_pair("RS"), "RS512")
    ),
    "another key of the issuer's kind": assembled(
        head("ES256"), GOOD, signature(key_pair("ES256"), "ES256")
    ),
    "somebody else's key": assembled(HEADER, GOOD, signature(key_pair("RS", 1), "RS256")),
    "no signature": assembled(HEADER, GOOD, lambda _: b""),
    "a changed payload": assembled(HEADER, GOOD, lambda _: RS(b"something else")),
    "too large": assembled(HEADER, GOOD + b" " * 8_192, RS),
    "one claim twice": assembled(HEADER, GOOD[:-1] + b', "sub": "bob"}', RS),
    "one member of the header twice": assembled(HEADER[:-1] + b', "kid": "k1"}', GOOD, RS),
    "a payload that is a list": assembled(HEADER, b"[]", RS),
    "a payload that is no JSON": assembled(HEADER, b"hello", RS),
    "a payload that is no UTF-8": assembled(HEADER, b'{"sub": "\xff"}', RS),
    "half a character": assembled(HEADER, GOOD[:-1] + b', "x": "\\ud800"}', RS),
    "a number that is none": assembled(HEADER, GOOD[:-1] + b', "x": NaN}', RS),
    "deep nesting": assembled(HEADER, GOOD[:-1] + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}", RS),
    "a header that is a list": assembled(b"[]", GOOD, RS),
}


@pytest.mark.parametrize("name", SIGNED)
async def test_a_signed_token_is_refused_h6(issuer: Issuer, verifier: Verifier, name: str) -> None:
    changes, header = SIGNED[name]
    assert await verifier.verify_token(issuer.token(changes, header=header)) is None
    # The same verifier takes a good one: it was the token.
    assert await verifier.verify_token(issuer.token()) is not None


@pytest.mark.parametrize("name", MADE)
async def test_a_made_up_token_is_refused_h6(issuer: Issuer, verifier: Verifier, name: str) -> None:
    assert await verifier.verify_token(MADE[name]) is None
    assert await verifier.verify_token(assembled(HEADER, GOOD, RS)) is not None


async def test_no_byte_of_a_token_can_be_changed(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert await verifier.verify_token(changed) is None, at


async def test_a_token_ends_while_it_is_used(
    issuer: Issuer, verifier: Verifier, wall: Clock
) -> None:
    token = issuer.token()
    assert await verifier.verify_token(token) is not None
    wall.now = NOW + 600 + LEEWAY_SECONDS
    assert await verifier.verify_token(token) is None


# --- what it may do -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": "orders:read"}, {"orders:read"}),
        ({"scope": "orders:read orders:read other admin *"}, {"orders:read"}),
        ({"scope": "orders:write refunds:write webhooks:write"}, set(Scope) - {"orders:read"}),
        ({"scope": "ORDERS:READ orders:readx orders: read orders"}, set()),
        ({"scope": "orders:read,refunds:write"}, set()),
        ({"scope": ""}, set()),
        ({"scope": None}, set()),
        ({"scope": None, "scp": ["orders:read", 7]}, {"orders:read"}),
        ({"scope": None, "scp": "orders:read x"}, {"orders:read"}),
        # Two words on it: the standard one counts.
        ({"scope": "orders:read", "scp": ["refunds:write"]}, {"orders:read"}),
    ],
    ids=range(10),
)
async def test_scopes_are_those_of_ours_that_the_token_names(
    issuer: Issuer, verifier: Verifier, changes: dict[str, Any], scopes: set[str]
) -> None:
    found = await verifier.verify_token(issuer.token(changes))
    assert found is not None
    assert found.principal.scopes == scopes
    assert found.scopes == sorted(scopes)


async def test_a_claim_lists_the_stores(issuer: Issuer, verifier_with: Verifiers) -> None:
    verifier = verifier_with('stores_claim = "https://orders.example/stores"')
    claim = {"https://orders.example/stores": ["papers", "shop"]}
    found = await verifier.verify_token(issuer.token(claim))
    assert found is not None
    assert found.principal.stores == {"papers", "shop"}


@pytest.mark.parametrize("stores", [None, [], "papers", ["papers", 7], {"papers": True}])
async def test_without_a_list_of_stores_where_one_is_due_it_is_refused(
    issuer: Issuer, verifier_with: Verifiers, stores: object
) -> None:
    verifier = verifier_with('stores_claim = "stores"')
    assert await verifier.verify_token(issuer.token({"stores": stores})) is None


# --- whose it is ----------------------------------------------------------------------------


async def test_a_principal_is_the_same_with_every_token_and_every_program(
    issuer: Issuer, verifier: Verifier
) -> None:
    names = set()
    for changes in ({}, {"exp": NOW + 60}, {"client_id": "new-7"}, {"scope": "", "jti": "x"}):
        found = await verifier.verify_token(issuer.token(changes))
        assert found is not None
        names.add((found.principal.name, principal_components(found)))
    assert len(names) == 1


async def test_different_principals_have_different_names(
    issuer: Issuer, verifier: Verifier
) -> None:
    names, bound = set(), set()
    cases: tuple[dict[str, Any], ...] = (
        {"sub": "anna"},
        {"sub": "Anna"},
        {"sub": None, "client_id": "anna"},
        {"sub": None, "client_id": None, "azp": "bob"},
    )
    for changes in cases:
        found = await verifier.verify_token(issuer.token(changes))
        assert found is not None
        assert found.principal.name.removeprefix("oauth:").isalnum()
        names.add(found.principal.name)
        bound.add(principal_components(found))
    assert len(names) == len(bound) == len(cases)
