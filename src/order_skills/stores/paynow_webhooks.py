"""Whether a webhook really comes from PayNow: a pure function over the bytes that arrived.

A webhook is a hint and never evidence: what it names is read back before anything is done.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

SIGNATURE_HEADER = "paynow-signature"
TIMESTAMP_HEADER = "paynow-timestamp"
TOLERANCE = timedelta(minutes=5)
# While a secret is changed there are two digests; a flood of them is not worth comparing.
_MAX_DIGESTS = 8
_MILLISECONDS = re.compile(r"[0-9]{10,16}")
_HEX = re.compile(r"[0-9a-fA-F]{64}")


def verify(
    headers: Mapping[str, str], raw_body: bytes, secrets: Sequence[str], now: datetime
) -> bool:
    """Whether a webhook was signed with one of the secrets, over these very bytes, just now.

    The timestamp is in milliseconds; a digest is base64, or hexadecimal.
    """
    named = [(name.lower(), value) for name, value in headers.items()]
    given = [value for name, value in named if name == SIGNATURE_HEADER]
    times = [value for name, value in named if name == TIMESTAMP_HEADER]
    if len(given) != 1 or len(times) != 1 or _MILLISECONDS.fullmatch(times[0]) is None:
        return False
    age = now.timestamp() * 1000 - int(times[0])
    if abs(age) > TOLERANCE.total_seconds() * 1000:
        return False
    digests = [_digest(part.strip()) for part in given[0].split(",")[:_MAX_DIGESTS]]
    signed = times[0].encode() + b"." + raw_body
    found = False
    for secret in filter(None, secrets):
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        for digest in digests:
            # Every pair is compared, so that the time says nothing of which one fits.
            found |= hmac.compare_digest(digest, expected)
    return found


def _digest(text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
