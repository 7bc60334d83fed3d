"""Tokens of our own: long random texts, of which the configuration keeps only a hash.

A plain SHA-256 is enough: there are 256 random bits in a token, and nothing to guess.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from order_skills.settings_http import TokenSettings

_RANDOM_BYTES = 32
# The prefix tells people and scanners of leaked secrets what such a text is.
_FORM = re.compile(r"ost_[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """A token that nobody has: `ost_` and 256 random bits."""
    return f"ost_{secrets.token_urlsafe(_RANDOM_BYTES)}"


def hash_of(token: str) -> str:
    """What the configuration keeps of a token: `sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def looks_like_ours(text: str) -> bool:
    """Whether `new_token` could have made this text."""
    return _FORM.fullmatch(text) is not None


def found_among(text: str, tokens: Iterable[TokenSettings]) -> TokenSettings | None:
    """Whose token this text is, None: nobody's.

    Every token is compared, each in constant time, so that the time says nothing about them.
    """
    given = hash_of(text)
    found = None
    for token in tokens:
        if hmac.compare_digest(given, token.hash):
            found = token
    return found
