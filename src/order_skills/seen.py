"""The ids of orders that stood in answers, for completing them.

Ids only, and so many: whose orders they are is not remembered, and no store is ever asked.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from order_skills.tools.arguments import ID_PATTERN

# So many are remembered of each store.
REMEMBERED = 1_000

_ID = re.compile(ID_PATTERN)


class Seen:
    """What was seen last comes first; the oldest are forgotten."""

    def __init__(self, stores: Iterable[str]) -> None:
        self._ids: dict[str, dict[str, None]] = {store: {} for store in stores}

    def note(self, store: str, order_ids: Iterable[str]) -> None:
        """Remember these of a store."""
        ids = self._ids[store]
        # An answer has its newest order first.
        for order_id in reversed(list(order_ids)):
            ids.pop(order_id, None)
            ids[order_id] = None
        while len(ids) > REMEMBERED:
            del ids[next(iter(ids))]

    def note_result(self, method: str, params: Mapping[str, Any], result: dict[str, Any]) -> None:
        """Remember what stands in the result of a request, if it is one that answers orders."""
        answer = _answer(method, result)
        if answer is None:
            return
        named = (params.get("arguments") or {}).get("store") or answer.get("store")
        store = str(named) if len(self._ids) > 1 else next(iter(self._ids))
        if store in self._ids:
            self.note(store, _order_ids(answer))

    def of(self, stores: Iterable[str]) -> list[str]:
        """The ids of these stores."""
        return [found for store in stores for found in reversed(self._ids.get(store, {}))]


def _answer(method: str, result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a tool or an order's address answered, if it did."""
    if method == "tools/call" and not result.get("isError"):
        return result.get("structuredContent")
    if method == "resources/read":
        for content in result.get("contents", ()):
            if content["uri"].startswith("orders://"):
                answer: Mapping[str, Any] = json.loads(content["text"])
                return answer
    return None


def _order_ids(answer: Mapping[str, Any]) -> Iterator[str]:
    """The ids in an answer's own fields: its own, or those of its rows."""
    for value in (answer, *answer.values()):
        for row in value if isinstance(value, list) else (value,):
            found = row.get("order_id") if isinstance(row, Mapping) else None
            # A row of a report that is about no order has a dash there.
            if isinstance(found, str) and _ID.fullmatch(found):
                yield found
