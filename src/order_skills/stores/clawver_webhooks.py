"""Whether a webhook really comes from Clawver: a pure function over the bytes that arrived.

A webhook is a hint and never evidence: what it names is read back before anything is done.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from order_skills.stores.common_parsing import header, is_signed

SIGNATURE_HEADER = "x-claw-signature"


def verify(
    headers: Mapping[str, str], raw_body: bytes, secrets: Sequence[str], now: datetime
) -> bool:
    """Whether a webhook was signed with one of the secrets, over these very bytes.

    No time is signed and the body has no id, so `now` says nothing: whoever receives it has to
    know a repetition by event, order and timestamp.
    """
    scheme, _, digest = header(headers, SIGNATURE_HEADER).partition("=")
    return scheme == "sha256" and is_signed(raw_body, [digest], secrets)
