"""The embedded store: a small in-memory shop that answers in a platform's own wire dialect.

It is written from the platforms' published facts and imports nothing of `order_skills` outside
this package, so that it cannot agree with an adapter's misreading by construction.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from order_skills.sandbox.box import Sandbox
    from order_skills.sandbox.faults import Fault

__all__ = ["Fault", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Load the two public classes on first use: the package itself stays light to import."""
    if name == "Sandbox":
        from order_skills.sandbox.box import Sandbox

        return Sandbox
    if name == "Fault":
        from order_skills.sandbox.faults import Fault

        return Fault
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
