"""A host's line without its request's id, and which line of a connection it is.

A host writes the same text at each start, but for the id. Only a text that is the same byte for
byte is the same request here, so nothing has to be understood of it but where its id stands; and
where that is not plain, the line is for the server.
"""

from hashlib import blake2b

# How the SDK writes an answer, up to the id.
HEAD = b'{"jsonrpc":"2.0","id":'
SIZE = 16
# The handshake of a host with everything has some thousand bytes.
MAX_LINE = 65_536

_ID = b'"id"'
_SPACE = b" \t"
# More digits than any host counts to, and fewer than a number loses digits at.
_MAX_DIGITS = 15
_MAX_ID = 130


def without_id(line: bytes) -> tuple[bytes, bytes] | None:
    """The line without its request's id, and the id as it stands there, b"" where there is none.

    None: the line is not one whose id is plain: a number, or a text of printable ASCII.
    """
    body = line.removesuffix(b"\n").removesuffix(b"\r")
    # What else ends a line for the server, or has no end, is not one line there.
    if not line.endswith(b"\n") or b"\r" in body or len(line) > MAX_LINE:
        return None
    at = line.find(_ID)
    if at < 0:
        return line, b""
    if line.find(_ID, at + 1) >= 0:
        return None
    start = _past_space(line, at + len(_ID))
    if line[start : start + 1] != b":":
        return None
    start = _past_space(line, start + 1)
    end = _end_of_id(line, start)
    after = _past_space(line, end)
    if not _is_plain(line[start:end]) or line[after : after + 1] not in (b",", b"}"):
        return None
    return line[:start] + line[end:], line[start:end]


class Place:
    """How far a connection is: the request that opened it decides what later ones are answered.

    It decides the protocol's version, for the older protocol, and which of the two is spoken.
    """

    def __init__(self) -> None:
        self._opening = bytes(SIZE)

    @property
    def is_open(self) -> bool:
        """Whether the connection was opened."""
        return any(self._opening)

    def key(self, text: bytes) -> bytes:
        """Which line this is, here."""
        return blake2b(self._opening + text, digest_size=SIZE).digest()

    def open(self, key: bytes) -> None:
        """This line opens the connection, unless one has."""
        if not self.is_open:
            self._opening = key


def _past_space(line: bytes, at: int) -> int:
    while line[at : at + 1] and line[at : at + 1] in _SPACE:
        at += 1
    return at


def _end_of_id(line: bytes, start: int) -> int:
    if line[start : start + 1] == b'"':
        return line.find(b'"', start + 1) + 1
    end = start
    while line[end : end + 1].isdigit() or (end == start and line[end : end + 1] == b"-"):
        end += 1
    return end


def _is_plain(token: bytes) -> bool:
    if token.startswith(b'"'):
        shown = all(32 <= byte < 127 for byte in token)
        return shown and b"\\" not in token and 2 <= len(token) <= _MAX_ID
    digits = token.removeprefix(b"-")
    if token in (b"", b"-", b"-0") or len(digits) > _MAX_DIGITS:
        return False
    return digits == b"0" or not digits.startswith(b"0")
