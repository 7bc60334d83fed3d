"""The tools that a server lists, for the sentences that name them.

With several stores every call needs the store's name, so the calls that our sentences suggest
get it here, in one place; and what a store cannot do is answered with what it can.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from order_skills.errors import Code, Refusal
from order_skills.stores.base import Capabilities, Store

# The fields that hold sentences of ours; "list.field" for one in the rows of a list.
_SENTENCES = frozenset({"message", "next", "note", "steps", "questions", "skipped.reason"})
# What these hold is the store's and the customer's, whatever its fields are called.
_DATA = frozenset({"platform", "shipping_address", "customer"})
_GIVES_BACK = ("refund_order", "check_refund")


class Menu:
    """What is listed.

    Args:
        known: the names of all tools, listed or not.
        needs: of each listed tool, whether a store can serve it.
        several: whether there are several stores.
    """

    def __init__(
        self,
        known: Collection[str],
        needs: Mapping[str, Callable[[Capabilities], bool]],
        *,
        several: bool,
    ) -> None:
        self._needs = needs
        # With one store no call needs its name.
        calls = rf"\b({'|'.join(known)})\((?=(\)?))"
        self._call = re.compile(calls) if several else None

    def served_by(self, store: Store) -> list[str]:
        """The listed tools that this store can serve."""
        return [name for name, needs in self._needs.items() if needs(store.capabilities)]

    def not_supported(self, tool: str, store: Store) -> Refusal:
        """The error for asking a store what its platform cannot do, naming what it can."""
        title, can = store.capabilities.title, self.served_by(store)
        step = f"tell the person; for {title} there are {', '.join(can)}"
        if tool in _GIVES_BACK and "cancel_order" in can:
            step = f"cancel_order with refund_amount_minor gives money back there; else {step}"
        return Refusal(Code.NOT_SUPPORTED, f"{title}'s API has nothing for {tool}", step)

    def served_by_none(self, tool: str) -> Refusal:
        """The error for a tool that no store can serve."""
        return Refusal(
            Code.NOT_SUPPORTED,
            f"no configured store's API has anything for {tool}",
            f"tell the person; use one of: {', '.join(self._needs)}",
        )

    def sentence(self, said: str, store: Store | None) -> str:
        """Our sentence, each call in it with the store's name where calls need one."""
        if self._call is None or store is None:
            return said
        return self._call.sub(
            lambda call: f'{call[1]}(store="{store.name}"{"" if call[2] else ", "}', said
        )

    def answer(self, fields: Mapping[str, Any], store: Store | None) -> dict[str, Any]:
        """An answer, the same done to each sentence of ours in it."""
        if self._call is None or store is None:
            return dict(fields)
        return self._walk(fields, store, "")

    def _walk(self, fields: Mapping[str, Any], store: Store, within: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in fields.items():
            ours = not {name, f"{within}.{name}"}.isdisjoint(_SENTENCES)
            if name in _DATA:
                found[name] = value
            elif isinstance(value, Mapping):
                found[name] = self._walk(value, store, name)
            elif isinstance(value, list):
                found[name] = [self._entry(entry, store, name, ours) for entry in value]
            else:
                found[name] = self._entry(value, store, name, ours)
        return found

    def _entry(self, value: Any, store: Store, within: str, ours: bool) -> Any:
        if isinstance(value, Mapping):
            return self._walk(value, store, within)
        return self.sentence(value, store) if ours and isinstance(value, str) else value
