"""One request to a store as data: its path is filled with ids that cannot leave it."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard
from urllib.parse import quote

from order_skills import strict_json
from order_skills.errors import Code
from order_skills.pace import Pace

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def is_path_id(value: object) -> TypeGuard[str]:
    """Whether value can stand in a path: the allow-list that keeps `..` and `/` out of a URL."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None and value not in (".", "..")


@dataclass(frozen=True)
class Answer:
    """What the store answered: the status, the strictly parsed JSON body, and the headers."""

    status: int
    json: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request: a path template whose `{names}` are filled with ids that pass the pattern.

    `headers` are further ones, such as an idempotency key; `missing` is the code for a 404;
    `key` is False for the platform's public endpoints, which must not be handed the store's key;
    `may_be_empty` says that an answer without a body is one, too, as to a deletion.
    """

    method: str
    template: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: Code = Code.ORDER_NOT_FOUND
    key: bool = True
    may_be_empty: bool = False

    def read(self, body: bytes) -> object:
        """The answer's JSON, None for an empty one where that is an answer.

        Raises:
            BadJson: it is not what was asked for.
        """
        return None if self.may_be_empty and not body else strict_json.parse(body)

    def path(self) -> str:
        """The path with every id in its place.

        Raises:
            ValueError: an id does not pass the pattern, which no caller may let happen.
        """
        for name, value in self.ids.items():
            if not is_path_id(value):
                raise ValueError(f"{name} cannot stand in a path")
        return self.template.format_map({k: quote(v, safe="") for k, v in self.ids.items()})


class Watch(Protocol):
    """Looks on while one attempt is sent. It gives back the answer, or raises what was raised."""

    async def __call__(
        self, call: Call, attempt: int, pace: Pace, send: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Send it by `send`, once. `attempt` counts from 0; `pace` is the owner's own limit."""
        ...
