"""An issuer's keys: when they are fetched, how long they count, and what is no answer."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from jwt.algorithms import RSAAlgorithm
from token_issuer import PATIENCE, Clock, Issuer, jwk, key_pair

from order_skills.signin.keys import (
    APART_SECONDS,
    APART_WITHOUT_KEYS_SECONDS,
    FRESH_SECONDS,
    MAX_BYTES,
    USABLE_SECONDS,
    IssuerKeys,
    KeysUnavailable,
)
from order_skills.signin.verifier import Verifier
from raw_store import RawStore, answer, self_signed

Verifiers = Callable[..., Verifier]


async def test_keys_are_fetched_at_the_first_token_and_kept(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    assert issuer.fetches == []
    for _ in range(5):
        assert await verifier.verify_token(issuer.token()) is not None
    assert issuer.fetches == ["/keys"]
    steady.now += FRESH_SECONDS
    assert await verifier.verify_token(issuer.token()) is not None
    assert len(issuer.fetches) == 2


async def test_a_token_of_ours_or_no_jwt_asks_the_issuer_nothing(
    issuer: Issuer, verifier: Verifier
) -> None:
    for token in ("", "garbage", "ost_" + "A" * 43, "e30.e30.e30", "a" * 9_000):
        assert await verifier.verify_token(token) is None
    assert issuer.fetches == []


async def test_many_at_once_fetch_once(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()
    found = await asyncio.gather(*(verifier.verify_token(token) for _ in range(50)))
    assert all(found)
    assert issuer.fetches == ["/keys"]


async def test_who_goes_away_breaks_off_nobodys_fetch(issuer: Issuer, verifier: Verifier) -> None:
    issuer.gate.clear()
    token = issuer.token()
    first = asyncio.create_task(verifier.verify_token(token))
    assert await asyncio.to_thread(issuer.asked.wait, PATIENCE)
    second = asyncio.create_task(verifier.verify_token(token))
    first.cancel()
    await asyncio.sleep(0)
    issuer.gate.set()
    assert await second is not None
    with pytest.raises(asyncio.CancelledError):
        await first
    assert issuer.fetches == ["/keys"]


# --- rotation -------------------------------------------------------------------------------


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    old = issuer.token()
    assert await verifier.verify_token(old) is not None
    issuer.keys = [jwk(key_pair("RS", 1), "RS256", kid="k2")]
    new = issuer.token(header={"kid": "k2"}, key=key_pair("RS", 1))
    steady.now += APART_SECONDS
    assert await verifier.verify_token(new) is not None
    assert await verifier.verify_token(old) is None


async def test_both_keys_count_while_the_issuer_has_both(
    issuer: Issuer, verifier: Verifier
) -> None:
    issuer.keys.append(jwk(key_pair("ES256"), "ES256", kid="k2"))
    for token in (issuer.token(), issuer.token(algorithm="ES256", header={"kid": "k2"})):
        assert await verifier.verify_token(token) is not None


async def test_the_key_of_one_algorithm_checks_no_other(
    issuer: Issuer, verifier_with: Verifiers
) -> None:
    verifier = verifier_with('algorithms = ["RS256", "PS256"]')
    assert await verifier.verify_token(issuer.token(algorithm="PS256")) is None
    assert await verifier.verify_token(issuer.token()) is not None


async def test_a_flood_of_unknown_keys_is_no_flood_of_fetches(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    for number in range(100):
        assert await verifier.verify_token(issuer.token(header={"kid": f"x{number}"})) is None
    assert len(issuer.fetches) == 1
    steady.now += APART_SECONDS
    for number in range(100):
        assert await verifier.verify_token(issuer.token(header={"kid": f"x{number}"})) is None
    assert len(issuer.fetches) == 2


# --- an issuer that does not answer ---------------------------------------------------------


async def test_while_the_issuer_is_down_its_keys_count_for_an_hour(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    began = steady.now
    assert await verifier.verify_token(issuer.token()) is not None
    issuer.status = 503
    for age in (FRESH_SECONDS, FRESH_SECONDS + 1, USABLE_SECONDS - 1):
        steady.now = began + age
        assert await verifier.verify_token(issuer.token()) is not None
    # Not at once again, or every token would wait for an issuer that hangs.
    assert len(issuer.fetches) == 3
    steady.now = began + USABLE_SECONDS
    with pytest.raises(KeysUnavailable):
        await verifier.verify_token(issuer.token())
    issuer.status = 200
    steady.now += APART_SECONDS
    assert await verifier.verify_token(issuer.token()) is not None


async def test_without_keys_a_token_is_neither_good_nor_bad_and_soon_tried_again(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    issuer.status = 500
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as caught:
            await verifier.verify_token(issuer.token())
    assert caught.value.retry_after == APART_WITHOUT_KEYS_SECONDS
    assert len(issuer.fetches) == 1
    issuer.status = 200
    steady.now += APART_WITHOUT_KEYS_SECONDS
    assert await verifier.verify_token(issuer.token()) is not None


async def test_an_unknown_key_of_an_issuer_that_is_down_may_be_a_new_one(
    issuer: Issuer, verifier: Verifier, steady: Clock
) -> None:
    assert await verifier.verify_token(issuer.token()) is not None
    issuer.status = 503
    steady.now += APART_SECONDS
    with pytest.raises(KeysUnavailable):
        await verifier.verify_token(issuer.token(header={"kid": "k2"}))
    # What is known still counts, and what is bad for itself is still bad.
    assert await verifier.verify_token(issuer.token()) is not None
    assert await verifier.verify_token(issuer.token(header={"alg": "none"})) is None


async def test_tokens_of_ours_need_no_issuer(issuer: Issuer, verifier_with: Verifiers) -> None:
    from order_skills.signin import own_tokens

    token = own_tokens.new_token()
    more = f'[tokens.agent]\nhash = "{own_tokens.hash_of(token)}"\nscopes = ["orders:read"]\n'
    verifier = verifier_with(more=more)
    issuer.status = 503
    with pytest.raises(KeysUnavailable):
        await verifier.verify_token(issuer.token())
    assert await verifier.verify_token(token) is not None


async def test_nobody_listens_there(issuer: Issuer, steady: Clock, address_of_nobody: str) -> None:
    keys = IssuerKeys(address_of_nobody, ["RS256"], steady)
    with pytest.raises(KeysUnavailable):
        await keys.get("k1", "RS256")


async def test_an_issuer_whose_certificate_is_nobodys_is_told_apart_from_one_that_is_away(
    steady: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with RawStore(answer(200), tls=self_signed(tmp_path)) as nobody:
        keys = IssuerKeys(f"{nobody.url}/keys", ["RS256"], steady)
        with pytest.raises(KeysUnavailable):
            await keys.get("k1", "RS256")
    assert "its certificate is not trusted" in caplog.text
    assert nobody.requests == []


async def test_an_issuer_that_hangs_is_given_up(issuer: Issuer, steady: Clock) -> None:
    issuer.gate.clear()
    keys = IssuerKeys(issuer.url, ["RS256"], steady, patience=0.1)
    with anyio.fail_after(PATIENCE), pytest.raises(KeysUnavailable):
        await keys.get("k1", "RS256")


async def test_an_answer_that_never_ends_is_given_up(issuer: Issuer, steady: Clock) -> None:
    issuer.trickles = True
    # Bytes come all the time, so that no single wait takes long.
    keys = IssuerKeys(issuer.url, ["RS256"], steady, patience=0.5)
    with anyio.fail_after(PATIENCE), pytest.raises(KeysUnavailable):
        await keys.get("k1", "RS256")


# --- answers --------------------------------------------------------------------------------

ONE = jwk(key_pair("RS"), "RS256", kid="k1")
WHOLE = json.dumps({"keys": [ONE]}).encode()

BAD_ANSWERS: dict[str, dict[str, Any]] = {
    "404": {"status": 404},
    "204": {"status": 204, "body": b""},
    "a redirect": {"status": 302, "headers": {"Location": "/elsewhere"}},
    "a hostile redirect": {"status": 302, "headers": {"Location": "http://[::1"}},
    "a redirect to no port": {"status": 301, "headers": {"Location": "http://a:b"}},
    "a redirect to no name": {"status": 301, "headers": {"Location": "http://xn--a/"}},
    "compressed": {"headers": {"Content-Encoding": "gzip"}, "body": gzip.compress(WHOLE)},
    "too large": {"body": WHOLE + b" " * MAX_BYTES},
    "no JSON": {"body": b"<html>"},
    "empty": {"body": b""},
    "a list": {"body": b"[]"},
    "no keys": {"body": b"{}"},
    "keys that are an object": {"body": b'{"keys": {}}'},
    "keys twice": {"body": WHOLE[:-1] + b', "keys": []}'},
    "a number that is none": {"body": WHOLE[:-1] + b', "x": NaN}'},
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_what_is_no_answer_is_not_taken_for_one(
    issuer: Issuer, verifier: Verifier, name: str
) -> None:
    for part, value in BAD_ANSWERS[name].items():
        setattr(issuer, part, value)
    with pytest.raises(KeysUnavailable):
        await verifier.verify_token(issuer.token())
    assert issuer.fetches == ["/keys"]


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_what_is_no_answer_takes_no_key_away(
    issuer: Issuer, verifier: Verifier, steady: Clock, name: str
) -> None:
    assert await verifier.verify_token(issuer.token()) is not None
    for part, value in BAD_ANSWERS[name].items():
        setattr(issuer, part, value)
    steady.now += FRESH_SECONDS
    assert await verifier.verify_token(issuer.token()) is not None
    assert len(issuer.fetches) == 2


PASSED_OVER: dict[str, object] = {
    "for encryption": {**ONE, "use": "enc"},
    "for signing alone": {**ONE, "key_ops": ["sign"]},
    "for another algorithm": {**ONE, "alg": "RS512"},
    "without an id": {name: value for name, value in ONE.items() if name != "kid"},
    "with a private half": {
        **RSAAlgorithm.to_jwk(key_pair("RS"), as_dict=True),
        "kid": "k1",
        "alg": "RS256",
        "key_ops": ["sign", "verify"],
    },
    "a shared secret": {"kty": "oct", "kid": "k1", "alg": "RS256", "k": "AAAA"},
    "of another kind": jwk(key_pair("ES256"), "ES256", kid="k1", alg="RS256"),
    "too short": jwk(key_pair("short"), "RS256", kid="k1"),
    "without a modulus": {name: value for name, value in ONE.items() if name != "n"},
    "with a modulus that is a number": {**ONE, "n": 7},
    "a text": "k1",
}


@pytest.mark.parametrize("name", PASSED_OVER)
async def test_a_key_that_is_none_for_us_is_passed_over(
    issuer: Issuer, verifier: Verifier, name: str
) -> None:
    issuer.keys = [PASSED_OVER[name], jwk(key_pair("RS", 1), "RS256", kid="k2")]  # type: ignore[list-item]
    private = key_pair("short") if name == "too short" else key_pair("RS")
    assert await verifier.verify_token(issuer.token(key=private)) is None
    other = issuer.token(header={"kid": "k2"}, key=key_pair("RS", 1))
    assert await verifier.verify_token(other) is not None


@pytest.mark.parametrize("member", ["use", "alg"])
async def test_a_key_need_not_say_what_it_is_for(
    issuer: Issuer, verifier: Verifier, member: str
) -> None:
    del issuer.keys[0][member]
    assert await verifier.verify_token(issuer.token()) is not None


async def test_the_environments_proxy_does_not_see_the_keys(
    issuer: Issuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, address_of_nobody: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, address_of_nobody)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert await verifier.verify_token(issuer.token()) is not None
