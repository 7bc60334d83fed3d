"""Whether a webhook really comes from Cloove: a pure function over the bytes that arrived.

A webhook is a hint and never evidence: what it names is read back before anything is done.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from order_skills.stores.common_parsing import header, is_signed

SIGNATURE_HEADER = "cloove-signature"
TOLERANCE = timedelta(seconds=300)
_SECONDS = re.compile(r"[0-9]{1,12}")


def verify(
    headers: Mapping[str, str], raw_body: bytes, secrets: Sequence[str], now: datetime
) -> bool:
    """Whether a webhook was signed with one of the secrets, over these very bytes, just now.

    The header says the time in seconds and one digest or more: `t=…,v1=…`.
    """
    parts = [part.strip().partition("=") for part in header(headers, SIGNATURE_HEADER).split(",")]
    times = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or _SECONDS.fullmatch(times[0]) is None:
        return False
    signed = is_signed(times[0].encode() + b"." + raw_body, digests, secrets)
    return signed and abs(now.timestamp() - int(times[0])) <= TOLERANCE.total_seconds()
