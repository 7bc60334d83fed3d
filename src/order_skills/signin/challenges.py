"""What a client that may not is answered, so that it can do something about it (RFC 6750, 9728)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from order_skills.principals import Scope
from order_skills.settings_http import HttpSettings

# Of JSON-RPC's range for a server's own errors; which one it is, `data.error` says.
_SERVER_ERROR = -32_000


class Challenges:
    """The refusals of one service; none of them tells a stranger anything of what is behind."""

    def __init__(self, http: HttpSettings) -> None:
        self._metadata = None
        if http.oauth is not None and http.url is not None:
            parts = urlsplit(http.url)
            self._metadata = f"{parts.scheme}://{parts.netloc}{metadata_path(http.url)}"

    def unknown(self, *, presented: bool) -> Response:
        """401: nobody is signed in; `presented`: a token was there, and is not good."""
        word = "invalid_token" if presented else "unauthorized"
        fields = {"error": word} if presented else {}
        said = "nobody is signed in. Next: sign in with a bearer token of this service."
        return self._challenge(401, word, said, fields | {"scope": Scope.ORDERS_READ})

    def needs(self, scope: Scope, held: Iterable[Scope]) -> Response:
        """403: a step up; names what to ask for, which is what there was and what is missing."""
        word, description = "insufficient_scope", f"this sign-in does not hold {scope}"
        said = f"{description}. Next: tell the person; the owner gives a sign-in its scopes."
        fields = {"error": word, "error_description": description}
        wanted = " ".join(sorted({*held, scope}))
        return self._challenge(403, word, said, fields | {"scope": wanted})

    def _challenge(self, status: int, word: str, said: str, fields: dict[str, str]) -> Response:
        if self._metadata is not None:
            fields = fields | {"resource_metadata": self._metadata}
        words = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return refusal(status, word, said, {"www-authenticate": f"Bearer {words}"})


def refusal(
    status: int,
    word: str,
    said: str,
    headers: Mapping[str, str] | None = None,
    *,
    code: int = _SERVER_ERROR,
) -> Response:
    """An answer that HTTP understands by its status, and the protocol's clients by its body."""
    error = {"code": code, "message": said, "data": {"error": word}}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers=headers)


def sees_nothing() -> Response:
    """403: the sign-in is good, and of no store here."""
    said = "this sign-in has no store here. Next: tell the person; the owner gives it stores."
    return refusal(403, "access_denied", said)


def come_again(status: int, word: str, why: str, seconds: int) -> Response:
    """429 or 503: it may be asked again after so many seconds."""
    said = f"{why}. Next: ask again in {seconds} seconds."
    return refusal(status, word, said, {"retry-after": str(seconds)})


def metadata_path(url: str) -> str:
    """Where a service at this address says who issues its tokens."""
    return "/.well-known/oauth-protected-resource" + urlsplit(url).path.removesuffix("/")
