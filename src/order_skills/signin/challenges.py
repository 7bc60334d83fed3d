"""What a client that may not is answered, so that it can do something about it (RFC 6750, 9728)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from order_skills.principals import Scope
from order_skills.settings_http import HttpSettings


class Challenges:
    """The refusals of one service; none of them tells a stranger anything of what is behind."""

    def __init__(self, http: HttpSettings) -> None:
        self._metadata = None
        if http.oauth is not None and http.url is not None:
            parts = urlsplit(http.url)
            self._metadata = f"{parts.scheme}://{parts.netloc}{metadata_path(http.url)}"

    def unknown(self, *, presented: bool) -> Response:
        """401: nobody is signed in; `presented`: a token was there, and is not good."""
        error = "invalid_token" if presented else "unauthorized"
        said = {"error": error, "error_description": "sign in with a bearer token of this service"}
        fields = {"error": "invalid_token"} if presented else {}
        return self._refusal(401, said, fields | {"scope": Scope.ORDERS_READ})

    def needs(self, scope: Scope, held: Iterable[Scope]) -> Response:
        """403: a step up; names what to ask for, which is what there was and what is missing."""
        wanted = " ".join(sorted({*held, scope}))
        description = f"needs {scope}"
        said = {"error": "insufficient_scope", "error_description": description}
        return self._refusal(403, said, said | {"scope": wanted})

    def sees_nothing(self) -> Response:
        """403: the sign-in is good, and of no store here."""
        said = {"error": "access_denied", "error_description": "this sign-in has no store here"}
        return JSONResponse(said, 403)

    def _refusal(self, status: int, said: dict[str, str], fields: dict[str, str]) -> Response:
        if self._metadata is not None:
            fields = fields | {"resource_metadata": self._metadata}
        words = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return JSONResponse(said, status, headers={"www-authenticate": f"Bearer {words}"})


def busy(status: int, error: str, seconds: int) -> Response:
    """429 or 503: come again after so many seconds."""
    return JSONResponse({"error": error}, status, headers={"retry-after": str(seconds)})


def metadata_path(url: str) -> str:
    """Where a service at this address says who issues its tokens."""
    return "/.well-known/oauth-protected-resource" + urlsplit(url).path.removesuffix("/")
