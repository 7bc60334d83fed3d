"""That a tool exists: for which stores and owners, and where it is.

What a tool says and does is loaded when a call or a list needs it: a host waits for the first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from order_skills.stores.base import Capabilities

if TYPE_CHECKING:
    from order_skills.settings import Settings
    from order_skills.tools.declare import ToolSpec


class Effect(Enum):
    """What a call can do. What is not classified does not exist: the field has no default."""

    READS = "reads"
    CHANGES = "changes"
    MOVES_MONEY = "moves money"


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue. The tool itself is `NAME` in the module of its family.

    `needs`: says which stores can serve it.
    `wanted`: whether this owner has set up what it is about.
    """

    name: str
    family: str
    effect: Effect
    needs: Callable[[Capabilities], bool] = field(default=lambda _: True)
    wanted: Callable[["Settings"], bool] = field(default=lambda _: True)

    def spec(self) -> "ToolSpec[Any]":
        """What it says, takes and does."""
        found: ToolSpec[Any] = getattr(
            import_module(f"order_skills.tools.{self.family}"), self.name.upper()
        )
        return found
