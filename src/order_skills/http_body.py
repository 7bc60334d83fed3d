"""The bytes of a store's answer: bounded, uncompressed, and of one length."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

MAX_BODY_BYTES = 5_000_000


class BadBody(Exception):
    """What came cannot be relied on as the answer. The message says why, in our words."""


async def body_of(response: "httpx2.Response") -> bytes:
    """The body, as it came.

    Raises:
        BadBody: it is too large, compressed, or of two lengths.
    """
    # Two lengths in one answer: which bytes are the body depends on who reads them.
    if "transfer-encoding" in response.headers and "content-length" in response.headers:
        raise BadBody("its length is stated in two ways")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BadBody("it is compressed although that was not asked for")
    chunks = bytearray()
    async for chunk in response.aiter_raw():
        chunks += chunk
        if len(chunks) > MAX_BODY_BYTES:
            raise BadBody("it is larger than 5 MB")
    return bytes(chunks)
