"""Bodies that no store should send, and some do. Nothing here knows of faults or dialects."""

import html
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"

# Enough to overflow a recursive reader, and to be refused by one that counts digits.
DEPTH = 100_000
DIGITS = 5_000
PIECE = 65_536

_HTML_PAGE = b"<html><body><h1>502 Bad Gateway</h1><script>alert(1)</script></body></html>"


def _with_member(genuine: bytes, put: bytes) -> bytes:
    """The genuine body with one more member at its beginning."""
    inner = genuine.lstrip()
    return b"{" + put + b"," + inner[1:] if inner[:1] == b"{" else b"{" + put + b"}"


# what → (the genuine body → the malformed one, content type)
MALFORMED: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "html": (lambda _: _HTML_PAGE, HTML),
    "html_as_json": (lambda _: _HTML_PAGE, JSON),
    "empty": (lambda _: b"", JSON),
    "null": (lambda _: b"null", JSON),
    "list": (lambda _: b"[]", JSON),
    "text": (lambda _: b'"ok"', JSON),
    "empty_object": (lambda _: b"{}", JSON),
    "trailing": (lambda body: body + b"\n{}", JSON),
    "truncated": (lambda body: body[: len(body) // 2], JSON),
    "nan": (lambda body: _with_member(body, b'"weight":NaN'), JSON),
    "duplicate_keys": (lambda body: body[:-1] + b',"success":false}', JSON),
    "bom": (lambda body: b"\xef\xbb\xbf" + body, JSON),
    "utf16": (lambda body: body.decode().encode("utf-16"), JSON),
    "invalid_utf8": (lambda body: _with_member(body, b'"note":"\xff\xfe"'), JSON),
    "lone_surrogate": (lambda body: _with_member(body, b'"note":"\\ud800"'), JSON),
    "deep": (lambda _: b'{"data":' + b"[" * DEPTH + b"]" * DEPTH + b"}", JSON),
    "huge_int": (lambda body: _with_member(body, b'"big":' + b"9" * DIGITS), JSON),
}


# How a store may fail to echo a reason as it was sent.
REASONS: dict[str, Callable[[str], str | None]] = {
    "drop": lambda reason: None,
    "empty": lambda reason: "",
    "truncate": lambda reason: reason[:10],
    "lower": lambda reason: reason.lower(),
    "escape": html.escape,
}


async def padding(size: int | None) -> AsyncIterator[bytes]:
    """A JSON text of `size` bytes (None: without end) that is nearly all one string."""
    head, tail = b'{"success":true,"data":{"pad":"', b'"}}'
    yield head
    left = None if size is None else max(size - len(head) - len(tail), 0)
    while left is None or left > 0:
        piece = b"x" * (PIECE if left is None else min(PIECE, left))
        left = None if left is None else left - len(piece)
        yield piece
    yield tail


async def trickle(body: bytes) -> AsyncIterator[bytes]:
    """A body byte by byte."""
    for value in body:
        yield bytes((value,))


def bomb(size: int, layers: int, encoding: str) -> bytes:
    """A small body that unpacks to `size` bytes of JSON, packed `layers` times."""
    filled = json.dumps({"success": True, "data": {"pad": ""}}).encode()
    packed = _packed(_spaces(filled, size), encoding)
    for _ in range(layers - 1):
        packed = _packed(iter((packed,)), encoding)
    return packed


def _spaces(text: bytes, size: int) -> Iterator[bytes]:
    yield text
    for done in range(len(text), size, PIECE):
        yield b" " * min(PIECE, size - done)


def _packed(pieces: Iterator[bytes], encoding: str) -> bytes:
    # 31 asks zlib for the gzip format, 15 for its own, which HTTP calls deflate.
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return b"".join([*(packer.compress(piece) for piece in pieces), packer.flush()])
