"""No answer is larger than a model can be asked to read: the one place that cuts, and says so.

A tool bounds what it reads and pages where it can. What a store, a customer or a long history
still makes too large is cut here, the tails of the largest lists first, and `note` says how much
is left out of which and how it is seen. Ids, amounts, links and our own sentences stay whole.

How many tokens a text is depends on the model, and counting them takes a table of megabytes. So
they are bounded from above: by the worst that the o200k encoding makes of each kind of letter.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import to_json

from order_skills import text
from order_skills.orders import ORDER_STATUSES, PAYMENT_STATUSES

# The most that an answer may be to a model, as text and as structure each.
MAX_TOKENS = 8_000
# What a list may fill of it where the rest follows by a cursor; the frame has the remainder.
LIST_TOKENS = 7_400
# What an answer is cut to, one after the other until it fits with what is said of the cuts.
_BUDGETS = (7_200, 6_400, 5_000, 3_000, 1_500, 500)
# Links so long that several of them are too much are left out below it.
_LINKS_FROM = 3_000

# A space is part of the word or sign behind it.
_PIECES = re.compile(r"[0-9]{1,3}| ?[A-Z]?[a-z]+| ?[A-Z]+| ?[!-/:-~]|[\x00-\x7f]|[^\x00-\x7f]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
# Of these words each is a token.
_KNOWN = frozenset(part for word in ORDER_STATUSES + PAYMENT_STATUSES for part in word.split("_"))
# What can be spoken is this many tokens a letter at worst, and mostly a third of it.
_SPOKEN, _RANDOM = 0.6, 1.0
_UNSPEAKABLE = re.compile(r"^[^aeiouyAEIOUY]{1,3}$|[^aeiouyAEIOUY]{4}")
# In JSON these stand with a backslash.
_ESCAPED = frozenset('"\\\n')
_OUR_NAME = re.compile(r"[a-z]{1,14}(?:_[a-z]{1,14}){0,3}")

# An id is at most 128 characters long: what is no more than that many tokens is not cut.
_SHORT = 110
# A cut text keeps at least so much.
_LEAST = 24
# Fields that are of use as a whole alone: links, and sentences of ours.
_WHOLE = frozenset({"next_cursor", "note", "message", "next", "customer_reply"})
_LINKS = frozenset({"url", "download_url", "status_url"})
# Objects of free content: how many fields they have is the store's to say.
_FREE = frozenset({"metadata", "shipping_address"})
# How what an order holds beyond an answer's room is seen: of one that is the answer, and in one.
REST_OF_ORDER = {
    "items": 'get_order(order_id="{order_id}", items_after="{last}") goes on there',
    "refunds": "refunded_minor and remaining_minor count them all",
}
_REST = {f"order.{name}": how for name, how in REST_OF_ORDER.items()}


def at_most(value: Any) -> int:
    """A number of tokens that this is not more than, as compact JSON or, a text, as it stands."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return 2 + sum(_name(name) + 2 + at_most(held) for name, held in value.items())
    if isinstance(value, list | tuple):
        return 2 + sum(1 + at_most(held) for held in value)
    return 1 + len(str(value)) // 3


def _name(name: str) -> int:
    return name.count("_") + 1 if _OUR_NAME.fullmatch(name) else _text(name)


def _text(value: str) -> int:
    if value.isascii():
        return sum(map(_piece, _PIECES.findall(value)))
    # Of other letters each of the bytes may be a token.
    others = len(value.encode("utf-8", "surrogatepass")) - len(value.encode("ascii", "ignore"))
    return others + sum(map(_piece, _PIECES.findall(_NOT_ASCII.sub(" ", value))))


def _piece(piece: str) -> int:
    piece = piece.lstrip(" ") or piece
    first = piece[0]
    if not first.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    if first in _ESCAPED:
        return 2
    # Up to three digits are one token.
    if not first.isalpha() or piece in _KNOWN:
        return 1
    random = piece.isupper() or _UNSPEAKABLE.search(piece)
    return math.ceil(len(piece) * (_RANDOM if random else _SPOKEN))


def fit(
    answer: Mapping[str, Any],
    render: Callable[[Mapping[str, Any]], str],
    rest: Mapping[str, str],
    say: Callable[[str], str] = str,
) -> tuple[Mapping[str, Any], str]:
    """The answer and its text, as they are or cut to `MAX_TOKENS`, with a note of what is left out.

    Args:
        render: the answer as text.
        rest: by the path of a list, such as `order.items`, how what is left out of it is seen;
            `{last}` is the id of the last entry that is there, and each field beside the list
            stands for itself.
        say: what is done to these words before an agent reads them.
    """
    found, shown = answer, render(answer)
    for budget in _BUDGETS:
        if _fits(found, shown):
            break
        cut = _Cut(rest, say, links=budget >= _LINKS_FROM)
        found = cut.noted(cut.within(dict(answer), budget, ""))
        shown = render(found)
    return found, shown


def _fits(answer: Mapping[str, Any], shown: str) -> bool:
    # No token is shorter than a byte, and most answers are short: their bytes are counted first.
    return (
        len(shown.encode("utf-8", "surrogatepass")) <= MAX_TOKENS or at_most(shown) <= MAX_TOKENS
    ) and (_bytes(answer) <= MAX_TOKENS or at_most(answer) <= MAX_TOKENS)


def _bytes(answer: Mapping[str, Any]) -> int:
    try:
        return len(to_json(answer))
    except ValueError:
        # Half of a surrogate pair, which only the standard library writes.
        whole = json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
        return len(whole.encode("utf-8", "surrogatepass"))


class _Cut:
    """One cutting: what was left out of which list."""

    def __init__(self, rest: Mapping[str, str], say: Callable[[str], str], *, links: bool) -> None:
        self._rest = {**_REST, **rest}
        self._words = say
        self._links = links
        self._left_out: dict[str, int] = {}
        self._how: dict[str, str] = {}

    def within(self, value: Any, budget: int, path: str) -> Any:
        """The value, cut to so many tokens where it can be."""
        if at_most(value) <= budget:
            return value
        name = path.rpartition(".")[2]
        if isinstance(value, str):
            return value if name in _WHOLE | _LINKS else _shortened(value, budget)
        if isinstance(value, list):
            return self._list(value, budget, path)
        if isinstance(value, Mapping):
            return (
                self._free(value, budget, path)
                if name in _FREE
                else self._fields(value, budget, path)
            )
        return value

    def _fields(self, fields: Mapping[str, Any], budget: int, path: str) -> dict[str, Any]:
        """Each field cut to its share: what is small stays, the large ones share what is left."""
        left = budget - 2 - sum(_name(name) + 2 for name in fields)
        sizes = {name: at_most(held) for name, held in fields.items()}
        cuttable = []
        for name, held in fields.items():
            if _can_be_cut(name, held, sizes[name]):
                cuttable.append(name)
            else:
                left -= sizes[name]
        shares = {}
        for number, name in enumerate(sorted(cuttable, key=sizes.__getitem__)):
            shares[name] = min(sizes[name], max(left, 0) // (len(cuttable) - number))
            left -= shares[name]
        found = {}
        for name, held in fields.items():
            inner = f"{path}.{name}" if path else name
            if name in _LINKS and not self._links and at_most(held) > _SHORT:
                self._lost(inner, 1)
                continue
            found[name] = held if name not in shares else self.within(held, shares[name], inner)
            self._say(inner, fields, found[name])
        return found

    def _free(self, fields: Mapping[str, Any], budget: int, path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        left = budget - 2
        for name, held in fields.items():
            shown = self.within(held, _SHORT, path)
            left -= _name(name) + 2 + at_most(shown)
            if left < 0:
                break
            kept[name] = shown
        self._lost(path, len(fields) - len(kept))
        return kept

    def _list(self, entries: list[Any], budget: int, path: str) -> list[Any]:
        kept: list[Any] = []
        left = budget - 2
        for entry in entries:
            if kept and at_most(entry) + 1 > left:
                break
            kept.append(self.within(entry, left - 1, path))
            left -= at_most(kept[-1]) + 1
        self._lost(path, len(entries) - len(kept))
        return kept

    def _lost(self, path: str, count: int) -> None:
        if count:
            self._left_out[path] = self._left_out.get(path, 0) + count

    def _say(self, path: str, beside: Mapping[str, Any], kept: Any) -> None:
        """Words for how what is left out of this list is seen."""
        if path not in self._left_out or path not in self._rest or not isinstance(kept, list):
            return
        last = next(iter(kept[-1].values()), "") if kept and isinstance(kept[-1], Mapping) else ""
        plain = {name: held for name, held in beside.items() if isinstance(held, str)}
        # What the store did not send cannot be named.
        with suppress(KeyError):
            self._how[path] = self._words(self._rest[path].format(**{**plain, "last": last}))

    def noted(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with a note of what is left out."""
        return (
            {**answer, "note": ". ".join(self._notes(answer))} if self._left_out else dict(answer)
        )

    def _notes(self, answer: Mapping[str, Any]) -> Iterator[str]:
        if said := answer.get("note"):
            yield said
        for path, count in self._left_out.items():
            how = f": {self._how[path]}" if path in self._how else ", for want of room"
            yield f"{count} more of {path} are left out{how}"


def _can_be_cut(name: str, value: Any, size: int) -> bool:
    if isinstance(value, str):
        return size > _SHORT and name not in _WHOLE | _LINKS
    return size > _SHORT and isinstance(value, list | Mapping)


def _shortened(value: str, budget: int) -> str:
    if at_most(value) <= max(budget, _SHORT):
        return value
    room = max(budget, _LEAST) - at_most(text.CUT_MARK)
    kept, spent = [], 0
    for piece in _PIECES.findall(value):
        spent += _piece(piece)
        if spent > room:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + text.CUT_MARK
