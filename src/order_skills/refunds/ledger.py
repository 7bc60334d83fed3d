"""What a ledger promises. `sqlite` and `postgres` keep it; one contract suite holds both to it.

Every method is one transaction and blocks: the desk calls it on a worker thread, and never
holds a transaction while it talks to a store. The unique indexes are the locks:

    one live intent per request     (fingerprint) among the intents that were not started anew
    one active intent per order     (account, order_id) in SENDING, UNKNOWN, NEEDS_HUMAN
    one intent per store refund     (account, store_refund_id)
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from order_skills.refunds.intents import Event, Intent, Limits, Spent, State

if TYPE_CHECKING:
    from order_skills.refunds.ledger_database import Database


class LedgerError(Exception):
    """The ledger cannot be used or trusted. The message names the mend, no key, no DSN secret."""


@dataclass(frozen=True)
class Claimed:
    """The intent is ours to send, once, under its new epoch. Durable when this is returned."""

    intent: Intent


@dataclass(frozen=True)
class Lost:
    """Somebody else moved it first; here is how it stands."""

    intent: Intent


@dataclass(frozen=True)
class Busy:
    """Another intent of the same order is being sent or in doubt."""

    intent: Intent


@dataclass(frozen=True)
class OverLimit:
    """Sending it would pass a limit of the account. `limit` is the name of the setting."""

    limit: str
    allowed: int
    spent: Spent


@dataclass(frozen=True)
class Frozen:
    """The owner stopped all refunds."""

    by: str
    at: float


@dataclass(frozen=True)
class Stale:
    """Another refund of the order was claimed or settled after the decision; decide again."""

    history: tuple[Intent, ...]


Claim = Claimed | Lost | Busy | OverLimit | Frozen | Stale


@dataclass(frozen=True)
class Change:
    """What a move writes beside the state. None leaves a field as it is."""

    who: str
    why: str
    code: str | None = None
    store_refund_id: str | None = None
    processor_id: str | None = None
    settlement: str | None = None
    alarm: str | None = None
    evidence: Mapping[str, str | int | None] | None = None


class Ledger(Protocol):
    """Durable memory of intents. Raises `LedgerError` from every method."""

    @property
    def database(self) -> "Database":
        """What lies beside the refunds in the same database goes through this."""
        ...

    def now(self) -> float:
        """The ledger's clock, Unix seconds: of the database, so that replicas agree."""
        ...

    def find_or_prepare(self, intent: Intent) -> tuple[Intent, bool]:
        """The live intent of the same request, or this one written down; whether it is new.

        One that ended as EXPIRED, REJECTED or NOT_SENT no longer answers for its request. A
        PREPARED one past its `expires_at` becomes EXPIRED here, and this one starts anew.
        """
        ...

    def find(self, account: str, fingerprint: str) -> Intent | None:
        """The live intent of this request, if there is one; nothing is written."""
        ...

    def adopt(self, intent: Intent, change: Change) -> bool:
        """Write down a refund with a marker of ours that this ledger lost, as SUCCEEDED.

        Used by `reconcile` alone. False where the ledger knows its refund_id already.
        """
        ...

    def get(self, refund_id: str, accounts: Collection[str] | None = None) -> Intent | None:
        """The intent, where it is of one of these accounts (None: of any)."""
        ...

    def by_marker(self, account: str, refund_ids: Collection[str]) -> frozenset[str]:
        """Which of these refund_ids this ledger knows for the account."""
        ...

    def of_order(self, account: str, order_id: str) -> tuple[Intent, ...]:
        """All intents of an order, oldest first."""
        ...

    def list(
        self,
        accounts: Collection[str] | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> tuple[Intent, ...]:
        """Intents, newest first."""
        ...

    def approve(self, refund_id: str, by: str) -> Intent | None:
        """Mark a PREPARED, unexpired, not yet approved intent approved; None where it is not.

        Refuses while frozen with None; the caller asks `frozen()` to say why.
        """
        ...

    def claim(
        self,
        refund_id: str,
        *,
        owner: str,
        baseline: tuple[str, ...],
        deadline: float,
        limits: Limits,
        must_be_approved: bool,
        history: Collection[Intent] | None = None,
    ) -> Claim:
        """PREPARED to SENDING, with epoch + 1, if nothing forbids it: in one write transaction.

        Forbidden by: another state, expiry, a missing approval where one is needed, a freeze,
        another active intent of the order, a limit (per refund; amount and count of the account's
        SENDING, UNKNOWN, NEEDS_HUMAN and SUCCEEDED claimed in the last 24 hours, this one added).

        `history`: the order's intents that the decision to send was made on (`of_order`, read
        before the store was). If others of them were claimed or settled since, the decision is
        void: the answer is `Stale`. Without it, two reworded requests for the same amount that
        pass the rules side by side would both be sent, one after the other.
        """
        ...

    def move(
        self,
        refund_id: str,
        state: State,
        change: Change,
        *,
        epoch: int | None = None,
        before: State | None = None,
    ) -> Intent | None:
        """One guarded move with its event row; None where the table, or a guard, forbids it.

        `epoch`: only if the intent is still of this epoch. `before`: only if it is still in this
        state. A store_refund_id that belongs to another intent of the account raises LedgerError.
        """
        ...

    def warn(self, refund_id: str, change: Change) -> None:
        """Keep an alarm, or what the store says of the money, with its evidence on an intent.

        Its state stays as it is.
        """
        ...

    def still_ours(self, refund_id: str, epoch: int) -> bool:
        """Whether the intent is SENDING under this epoch: asked just before the first byte."""
        ...

    def checked(
        self, refund_id: str, change: Change | None = None, *, seen: int | None = None
    ) -> None:
        """Count one reading back: `checks` + 1, `checked_at` now.

        `seen`: the `checks` that the reading was due by. Where another process counted its own
        meanwhile, the two are one, or several replicas would use up the schedule at once.
        `change`: what it showed, kept as an event, where a later conclusion rests on it.
        """
        ...

    def approved(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        """PREPARED, approved and unexpired intents, oldest first: to be sent by a live process."""
        ...

    def abandoned(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        """SENDING intents whose owner is dead or whose deadline has passed."""
        ...

    def in_doubt(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        """UNKNOWN and NEEDS_HUMAN intents, oldest first."""
        ...

    def expire(self) -> int:
        """PREPARED intents past their time become EXPIRED; how many."""
        ...

    def register(self, owner: str) -> None:
        """Say that this process is alive, and keep saying so (a lock, or a heartbeat row)."""
        ...

    def heartbeat(self, owner: str) -> None:
        """Renew it, where that is needed."""
        ...

    def others_alive(self, owner: str) -> bool:
        """Whether a process besides this one is registered and alive.

        A command leaves what a person just approved to a running server, if there is one.
        """
        ...

    def unregister(self, owner: str) -> None:
        """Say that this process ends."""
        ...

    def spent(self, account: str) -> Spent:
        """What counts against the account's limits of the last 24 hours."""
        ...

    def freeze(self, by: str) -> None:
        """Stop all refunds of every process on this ledger."""
        ...

    def unfreeze(self, by: str) -> None:
        """Let refunds go on."""
        ...

    def frozen(self) -> Frozen | None:
        """Whether refunds are stopped, by whom and since when."""
        ...

    def events(self, refund_id: str) -> tuple[Event, ...]:
        """The intent's history, oldest first."""
        ...

    def verify(self) -> None:
        """Prove that the ledger can be trusted: schema, integrity, permissions, free of loss."""
        ...

    def close(self) -> None:
        """Let go of the file or the connection."""
        ...
