"""What the HTTP library is told so that a store's answer cannot steer it."""

import socket
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    import httpx2

# How long the kernel keeps trying to deliver what was written; see `bounded_transport`.
SILENT_PEER_MILLISECONDS = 20_000
# Causes can lead round in a circle; the library puts fewer around one of TLS.
_MOST_CAUSES = 16


def bounded_transport(trust_env: bool, tls: "ssl.SSLContext") -> "httpx2.AsyncBaseTransport | None":
    """A transport whose bytes the system gives up when the peer is silent for so long.

    Else a write could arrive minutes after its process died. Linux alone can bound it.
    """
    import httpx2

    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None or trust_env:
        return None
    return httpx2.AsyncHTTPTransport(
        verify=tls,
        trust_env=False,
        socket_options=[(socket.IPPROTO_TCP, option, SILENT_PEER_MILLISECONDS)],
    )


def is_distrusted(error: BaseException) -> bool:
    """Whether a connection was given up because of the certificate that the other side showed."""
    import ssl

    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None or isinstance(cause, ssl.SSLCertVerificationError):
            break
        cause = cause.__cause__ or cause.__context__
    return isinstance(cause, ssl.SSLCertVerificationError)


async def forget_location(response: "httpx2.Response") -> None:
    """Take the target of a redirect away before the library looks at it."""
    response.headers.pop("location", None)


class NoCookies(CookieJar):
    """Takes no cookie and gives none: one from one answer must not steer the next request.

    The standard jar parses a cookie before its policy can refuse it, and warns on hostile ones.
    """

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take none."""

    def add_cookie_header(self, request: Any) -> None:
        """Give none."""
