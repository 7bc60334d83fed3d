"""Who calls: a person's or an agent's sign-in with its rights, or this machine itself.

Over stdio and on loopback nobody signs in: whoever can start the process or reach the port has
the owner's rights already, and is `LOCAL`. Everybody else carries a token (room `signin`).
"""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a sign-in may do, as a token's `scope` names it."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    REFUNDS_WRITE = "refunds:write"
    WEBHOOKS_WRITE = "webhooks:write"


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller.

    Args:
        name: for logs and for the ledger's `asked_by` and `approved_by`; harmless text, the same
            at every sign-in, and never a person's e-mail address.
        scopes: what it may do.
        stores: the names of the stores it may see; None for all of them.
    """

    name: str
    scopes: frozenset[Scope]
    stores: frozenset[str] | None = None


LOCAL = Principal("local", frozenset(Scope))
NOBODY = Principal("nobody", frozenset(), frozenset())


def current() -> Principal:
    """Who makes the call that is being served; `LOCAL` where nobody signs in."""
    from mcp.server.auth.middleware.auth_context import get_access_token

    token = get_access_token()
    if token is None:
        return LOCAL
    # A token that says nothing of rights has none.
    return getattr(token, "principal", NOBODY)
