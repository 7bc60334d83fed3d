"""Which token is whose: the tokens of our own first, then the issuer's JWTs."""

import logging
import math
import time
from collections.abc import Callable

from mcp.server.auth.provider import AccessToken
from pydantic import Field

from order_skills.principals import Principal, Scope
from order_skills.settings_http import HttpSettings
from order_skills.signin import own_tokens

logger = logging.getLogger(__name__)

# JWTs with many claims have some 2 KB, and proxies commonly end a header at 8.
MAX_TOKEN_CHARACTERS = 8_192


class OrderToken(AccessToken):
    """A token that was found good, without its text: nothing behind the door needs it.

    `client_id` is the principal's name, `subject` and the claim `iss` tell the principals of
    different issuers apart; none of them is personal.
    """

    token: str = Field(default="", exclude=True, repr=False)
    principal: Principal = Field(exclude=True, repr=False)


class Verifier:
    """Finds the principal of a token, as the MCP SDK's `TokenVerifier` asks.

    Args:
        http: the tokens and the issuer that are taken.
        clock: seconds since 1970.
        steady: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        http: HttpSettings,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = http.tokens
        self._url = http.url
        self._jwts = None
        if http.oauth is not None:
            from order_skills.signin.jwt import JwtChecker
            from order_skills.signin.keys import IssuerKeys

            keys = IssuerKeys(http.oauth.jwks_url, http.oauth.algorithms, steady)
            self._jwts = JwtChecker(http.oauth, keys, clock)

    async def verify_token(self, token: str) -> OrderToken | None:
        """Whose token this is and what it may do; None: nobody's, or not valid now.

        Raises:
            KeysUnavailable: a JWT that cannot be checked now; it is neither good nor bad.
        """
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            logger.info("a token was refused: it is too large or holds what no token holds")
            return None
        if own_tokens.looks_like_ours(token):
            return self._own(token)
        if self._jwts is None:
            logger.info("a token was refused: it is none of ours")
            return None
        checked = await self._jwts.check(token)
        if checked is None:
            return None
        return OrderToken(
            principal=checked.principal,
            client_id=checked.principal.name,
            scopes=sorted(checked.principal.scopes),
            expires_at=checked.expires_at,
            resource=self._url,
            subject=checked.subject,
            claims={"iss": checked.issuer},
        )

    def seconds_left(self, token: OrderToken) -> float:
        """For how long this token is good; one of our own is until the owner revokes it."""
        if self._jwts is None or token.expires_at is None:
            return math.inf
        return self._jwts.seconds_left(token.expires_at)

    def _own(self, token: str) -> OrderToken | None:
        found = own_tokens.found_among(token, self._tokens)
        if found is None:
            logger.info("a token was refused: it is none of ours")
            return None
        principal = Principal(
            f"token:{found.name}", frozenset(map(Scope, found.scopes)), found.stores
        )
        return OrderToken(
            principal=principal,
            client_id=principal.name,
            scopes=sorted(principal.scopes),
            resource=self._url,
            subject=principal.name,
        )
