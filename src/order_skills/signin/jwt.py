"""JWTs of an issuer, checked as RFC 9068 and RFC 8725 ask; nothing that a token says is believed
before its signature, and its own word on how to check it never counts.
"""

import base64
import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import jwt

from order_skills import strict_json
from order_skills.principals import Principal, Scope
from order_skills.settings_http import OAuthSettings
from order_skills.signin.keys import IssuerKeys

logger = logging.getLogger(__name__)

# What issuers' and our clocks may differ.
LEEWAY_SECONDS = 30
# Of the hash that names a principal: short enough to read, and no accident makes two equal.
NAME_DIGITS = 12

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A token of another type, such as a logout token, is none for us. Several issuers name no type.
_TYPES = frozenset(("at+jwt", "application/at+jwt", "jwt"))


@dataclass(frozen=True, slots=True)
class Checked:
    """What is taken from a token that was found good.

    Args:
        subject: stands for whom the issuer means, without saying it: a hash.
        expires_at: in seconds since 1970.
    """

    principal: Principal
    subject: str
    issuer: str
    expires_at: int


class JwtChecker:
    """Tells whether a JWT is one of the issuer's, for us, and valid now.

    Args:
        clock: seconds since 1970.
    """

    def __init__(
        self, oauth: OAuthSettings, keys: IssuerKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self._oauth = oauth
        self._keys = keys
        self._clock = clock
        self._signatures = jwt.PyJWS(algorithms=list(oauth.algorithms))

    def seconds_left(self, expires_at: int) -> float:
        """For how long a token that expires then is still taken."""
        return expires_at + LEEWAY_SECONDS - self._clock()

    async def check(self, token: str) -> Checked | None:
        """What the token says, None where it is refused; the reason is logged at `info`.

        Raises:
            KeysUnavailable: it cannot be checked now.
        """
        try:
            return self._judged(await self._signed_claims(token))
        except _Refused as refused:
            # The reason alone: whatever the token says may be anybody's invention.
            logger.info("a token was refused: %s", refused)
            return None

    async def _signed_claims(self, token: str) -> Mapping[str, object]:
        if not _FORM.fullmatch(token):
            raise _Refused("it is no signed JWT")
        header = _parsed(_decoded(token.partition(".")[0]))
        algorithm, kid = header.get("alg"), header.get("kid")
        # The list is the owner's; else a token could say that it needs no signature.
        if not isinstance(algorithm, str) or algorithm not in self._oauth.algorithms:
            raise _Refused("its algorithm is not on the list")
        if not isinstance(kid, str):
            raise _Refused("it names no key")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _Refused("it is of another type")
        if "crit" in header or "b64" in header:
            raise _Refused("it asks for what we do not know")
        key = await self._keys.get(kid, algorithm)
        if key is None:
            raise _Refused("the issuer has no such key")
        try:
            payload = self._signatures.decode_complete(token, key, [algorithm])["payload"]
        except jwt.PyJWTError:
            raise _Refused("its signature is wrong") from None
        return _parsed(payload)

    def _judged(self, claims: Mapping[str, object]) -> Checked:
        oauth = self._oauth
        if claims.get("iss") != oauth.issuer:
            raise _Refused("another issuer made it")
        audience = claims.get("aud")
        if oauth.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _Refused("it is for somebody else")
        expires_at = self._times(claims)
        identity = _identity(claims, oauth.issuer)
        return Checked(
            principal=Principal(
                f"oauth:{identity[:NAME_DIGITS]}",
                _scopes(claims),
                None if oauth.stores_claim is None else _stores(claims, oauth.stores_claim),
            ),
            subject=identity,
            issuer=oauth.issuer,
            expires_at=expires_at,
        )

    def _times(self, claims: Mapping[str, object]) -> int:
        now = Decimal(self._clock())
        expires_at = _instant(claims, "exp")
        if expires_at is None:
            raise _Refused("it never ends")
        if expires_at <= now - LEEWAY_SECONDS:
            raise _Refused("it has expired")
        for name in ("nbf", "iat"):
            since = _instant(claims, name)
            if since is not None and since > now + LEEWAY_SECONDS:
                raise _Refused("it is not valid yet")
        return int(expires_at)


class _Refused(Exception):
    pass


def _decoded(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise _Refused("it is no signed JWT") from None


def _parsed(part: bytes) -> Mapping[str, object]:
    try:
        value = strict_json.parse(part)
    except strict_json.BadJson as bad:
        raise _Refused(f"a part of it cannot be relied on: {bad}") from None
    if not isinstance(value, dict):
        raise _Refused("a part of it is no object")
    return value


def _instant(claims: Mapping[str, object], name: str) -> Decimal | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _Refused(f"its {name} is no time")
    return Decimal(value)


def _identity(claims: Mapping[str, object], issuer: str) -> str:
    """Who is meant, as the SHA-256 of the issuer and its `sub`, which may be an e-mail address.

    Not the client: a program that registers anew gets another client id, and must not become
    somebody else by it, who could approve what its first self asked for. A client counts only
    where the token names no person.
    """
    for kind, names in (("sub", ("sub",)), ("client", ("client_id", "azp"))):
        for name in names:
            value = claims.get(name)
            if isinstance(value, str) and value:
                meant = "\n".join((kind, issuer, value))
                return hashlib.sha256(meant.encode()).hexdigest()
    raise _Refused("it names nobody")


def _scopes(claims: Mapping[str, object]) -> frozenset[Scope]:
    """Those of ours among the token's; a word that we do not know is another program's."""
    given = claims.get("scope", claims.get("scp", []))
    words = given.split(" ") if isinstance(given, str) else given
    if not isinstance(words, list):
        raise _Refused("its scopes are no list")
    return frozenset(scope for scope in Scope if scope.value in words)


def _stores(claims: Mapping[str, object], claim: str) -> frozenset[str]:
    names = claims.get(claim)
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise _Refused("it names no stores")
    return frozenset(names)
