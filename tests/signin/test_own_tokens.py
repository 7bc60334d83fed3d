"""Tokens of our own, and what a token leaves behind wherever it was looked at."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
from mcp.server.auth.provider import TokenVerifier, principal_components
from token_issuer import Issuer, key_pair

from order_skills.principals import Principal, Scope
from order_skills.settings_http import SCOPES, HttpSettings
from order_skills.signin import own_tokens
from order_skills.signin.keys import KeysUnavailable
from order_skills.signin.verifier import Verifier

Verifiers = Callable[..., Verifier]
AGENT, LEAD = own_tokens.new_token(), own_tokens.new_token()
STORE = '[stores.papers]\nplatform = "clawver"\nkey = "claw_sk_test_0123456789"\n'
TOKENS = f"""
{STORE}
[tokens.agent]
hash = "{own_tokens.hash_of(AGENT)}"
scopes = ["orders:read"]
[tokens.lead]
hash = "{own_tokens.hash_of(LEAD)}"
scopes = ["refunds:write", "orders:read"]
stores = ["papers"]
"""


@pytest.fixture
def own(http_settings: Callable[[str], HttpSettings]) -> Verifier:
    """A verifier of two tokens of ours and of nobody else's."""
    return Verifier(http_settings(TOKENS))


async def test_a_token_of_ours_is_its_holders(own: Verifier) -> None:
    agent, lead = await own.verify_token(AGENT), await own.verify_token(LEAD)
    assert agent is not None
    assert lead is not None
    assert agent.principal == Principal("token:agent", frozenset({Scope.ORDERS_READ}))
    assert lead.principal == Principal(
        "token:lead", frozenset({Scope.ORDERS_READ, Scope.REFUNDS_WRITE}), frozenset({"papers"})
    )
    assert lead.scopes == ["orders:read", "refunds:write"]
    assert agent.expires_at is None
    assert principal_components(agent) != principal_components(lead)


def test_the_verifier_is_what_the_sdk_asks_for(own: Verifier) -> None:
    asked_for: TokenVerifier = own
    assert asked_for is own


def test_every_token_is_another_and_has_256_bits() -> None:
    made = {own_tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(own_tokens.looks_like_ours(token) for token in made)
    # 43 characters of Base64 hold 258 bits.
    assert {len(token.removeprefix("ost_")) for token in made} == {43}


NEAR = {
    "nothing": "",
    "the first half": AGENT[:24],
    "without its prefix": AGENT.removeprefix("ost_"),
    "in capitals": AGENT.upper(),
    "one more": AGENT + "A",
    "one less": AGENT[:-1],
    "a space in front": " " + AGENT,
    "a line behind": AGENT + "\n",
    "a zero byte behind": AGENT + "\0",
    "with the scheme": f"Bearer {AGENT}",
    "twice": AGENT + AGENT,
    "its hash": own_tokens.hash_of(AGENT),
    "the digits of its hash": own_tokens.hash_of(AGENT).removeprefix("sha256:"),
    "its name": "agent",
    "another one": own_tokens.new_token(),
    "no ASCII": AGENT[:-1] + "\u00e9",
    "too large": "ost_" + "A" * 10_000,
}


@pytest.mark.parametrize("name", NEAR)
async def test_what_is_near_a_token_is_none(own: Verifier, name: str) -> None:
    assert await own.verify_token(NEAR[name]) is None


async def test_no_character_of_a_token_can_be_another(own: Verifier) -> None:
    for at, character in enumerate(AGENT):
        changed = AGENT[:at] + ("b" if character == "a" else "a") + AGENT[at + 1 :]
        assert await own.verify_token(changed) is None, at


async def test_without_an_issuer_no_jwt_is_good(own: Verifier) -> None:
    assert await own.verify_token(Issuer().token()) is None


def test_the_settings_know_the_scopes_that_there_are() -> None:
    assert list(SCOPES) == list(Scope)


# --- what is left of it ---------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library logs, at every level."""
    found = io.StringIO()
    handler = logging.StreamHandler(found)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(before)


async def test_a_token_is_in_no_log_no_repr_and_no_error_l4_l7(
    issuer: Issuer, verifier_with: Verifiers, log: io.StringIO
) -> None:
    verifier = verifier_with(more=TOKENS)
    changes = {"client_id": "c4n4ry-client", "scope": "orders:read c4n4ry-scope"}
    unknown = {"kid": "c4n4ry-kid", "typ": "c4n4ry-typ"}
    tokens = [
        AGENT,
        AGENT[:-1] + "_",
        issuer.token(changes),
        issuer.token(changes, key=key_pair("RS", 1)),
        issuer.token({**changes, "exp": 1}),
        issuer.token({**changes, "iss": "https://c4n4ry.example"}),
        issuer.token(changes, header={"kid": "c4n4ry-kid"}),
        issuer.token(changes, header=unknown),
    ]
    shown = []
    for token in tokens:
        found = await verifier.verify_token(token)
        if found is not None:
            shown += [repr(found), str(found), found.model_dump_json(), repr(found.model_dump())]
            shown += [repr(found.principal), found.token]
            assert "principal" not in found.model_dump()
            assert "Principal" not in repr(found)
    issuer.status = 503
    down = verifier_with()
    with pytest.raises(KeysUnavailable) as caught:
        await down.verify_token(tokens[2])
    shown += [repr(caught.value), str(caught.value), repr(verifier), repr(vars(verifier))]
    everything = log.getvalue() + "".join(shown)
    assert "a token was refused" in everything
    assert "its signature is wrong" in everything
    for token in tokens:
        for part in token.split("."):
            if len(part) > 60 or part.startswith("ost_"):
                assert part not in everything
    assert "c4n4ry" not in everything
    assert "anna@example.com" not in everything
