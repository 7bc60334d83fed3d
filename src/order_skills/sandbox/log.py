"""What the store was asked: one entry per request, with secrets blotted out."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

REDACTED = "[redacted]"
SECRET_NAMES = frozenset({"token", "signature", "secret"})
SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie"})

# A sandbox that runs for days must not grow for ever.
LIMIT = 10_000


@dataclass
class LoggedRequest:
    """One request. `status` is None when the client got none.

    `applied` says whether this request changed the shop, whatever the client was told.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: datetime
    status: int | None = None
    applied: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The entry as plain JSON values."""
        return {**asdict(self), "at": self.at.isoformat()}


def entry(scope: Scope, body: bytes, at: datetime) -> LoggedRequest:
    """Make the entry of a request, without the key, tokens, signatures and secrets in it."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    return LoggedRequest(
        method=scope["method"],
        path=scope["path"],
        query={key: REDACTED if key in SECRET_NAMES else value for key, value in pairs},
        body=_parsed(body),
        at=at,
        headers={key: value for key, value in headers.items() if key not in SECRET_HEADERS},
    )


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {key: REDACTED if key in SECRET_NAMES else held for key, held in value.items()}
    return value
