"""The approval passphrase, kept only as a slow hash: `scrypt$N$r$p$salt$hash`."""

import base64
import hashlib
import hmac
import os
import re

# 32 MB and about 0.1 s a guess (N·r·128 bytes); the parameters stand in the hash itself.
_N, _R, _P = 2**15, 8, 1
_MAX_MEMORY = 128 * 1024 * 1024
_FORM = re.compile(
    r"scrypt\$(\d{2,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]{16,88})\$([A-Za-z0-9+/=]{44})"
)
MIN_LENGTH = 8


def hashed(passphrase: str) -> str:
    """The hash to keep."""
    salt = os.urandom(16)
    digest = _digest(passphrase, salt, _N, _R, _P)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(digest)}"


def is_hash(value: object) -> bool:
    """Whether the value is a hash that `hashed` could have made."""
    return isinstance(value, str) and _FORM.fullmatch(value) is not None


def matches(passphrase: str, kept: str) -> bool:
    """Whether this is the passphrase; compared in constant time."""
    found = _FORM.fullmatch(kept)
    if found is None:
        return False
    n, r, p, salt, digest = found.groups()
    try:
        mine = _digest(passphrase, base64.b64decode(salt), int(n), int(r), int(p))
    except ValueError:
        return False
    return hmac.compare_digest(mine, base64.b64decode(digest))


def _digest(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
