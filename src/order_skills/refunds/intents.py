"""A refund as an intent: its states, the table of allowed moves, and what a ledger keeps.

An intent is written down before anything is sent, claimed by one guarded UPDATE, and sent at
most once. What the table does not allow does not happen:

    PREPARED --claim--> SENDING --the store confirms--> SUCCEEDED
       |                   |----the store refused-----> REJECTED
       |                   |----proved unsent---------> NOT_SENT
       |                   '----anything else, owner dead, deadline --> UNKNOWN
       |--a person said no--> DENIED      |--time ran out--> EXPIRED
       '--the order changed, the store not reached or asked to wait--> NOT_SENT
    UNKNOWN --marker or id read back--> SUCCEEDED
    UNKNOWN --quiet period over, or several candidates--> NEEDS_HUMAN
    NEEDS_HUMAN --operator, or evidence--> SUCCEEDED   --operator--> NOT_APPLIED
    late evidence moves REJECTED, NOT_SENT, DENIED, EXPIRED and NOT_APPLIED to SUCCEEDED,
    with an alarm

SUCCEEDED never changes. See references/refund-safety.md for why each arrow is safe.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from order_skills.settings_values import Limits

__all__ = ["Event", "Intent", "Limits", "Outcome", "Request", "Spent", "State"]

# Crockford's alphabet in lower case: no i, l, o, u, so that a person can read it aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# 32**10 ids: a guess hits none, and the marker in a reason stays short.
_ID_LENGTH = 10


class State(StrEnum):
    """Where an intent stands."""

    PREPARED = "PREPARED"
    SENDING = "SENDING"
    SUCCEEDED = "SUCCEEDED"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    NOT_APPLIED = "NOT_APPLIED"


Outcome = Literal[
    "refunded",
    "awaiting_approval",
    "denied",
    "expired",
    "not_sent",
    "in_progress",
    "rejected",
    "unknown",
    "needs_person",
    "not_made",
]

# What an agent sees of each state.
OUTCOMES: Mapping[State, Outcome] = {
    State.PREPARED: "awaiting_approval",
    State.SENDING: "in_progress",
    State.SUCCEEDED: "refunded",
    State.REJECTED: "rejected",
    State.NOT_SENT: "not_sent",
    State.DENIED: "denied",
    State.EXPIRED: "expired",
    State.UNKNOWN: "unknown",
    State.NEEDS_HUMAN: "needs_person",
    State.NOT_APPLIED: "not_made",
}

_S = State
MOVES: Mapping[State, frozenset[State]] = {
    _S.PREPARED: frozenset({_S.SENDING, _S.NOT_SENT, _S.DENIED, _S.EXPIRED}),
    _S.SENDING: frozenset({_S.SUCCEEDED, _S.REJECTED, _S.NOT_SENT, _S.UNKNOWN, _S.NEEDS_HUMAN}),
    _S.UNKNOWN: frozenset({_S.SUCCEEDED, _S.REJECTED, _S.NEEDS_HUMAN}),
    _S.NEEDS_HUMAN: frozenset({_S.SUCCEEDED, _S.NOT_APPLIED}),
    # Late evidence only: the store shows a refund with our marker after all.
    _S.REJECTED: frozenset({_S.SUCCEEDED}),
    _S.NOT_SENT: frozenset({_S.SUCCEEDED}),
    _S.NOT_APPLIED: frozenset({_S.SUCCEEDED}),
    _S.SUCCEEDED: frozenset(),
    _S.DENIED: frozenset({_S.SUCCEEDED}),
    _S.EXPIRED: frozenset({_S.SUCCEEDED}),
}

# At most one intent of an order may be in one of these (the ledger's unique index).
ACTIVE = frozenset({_S.SENDING, _S.UNKNOWN, _S.NEEDS_HUMAN})
# These count against the limits and against what is left of the order.
COUNTED = ACTIVE | {_S.SUCCEEDED}
# After one of these the same request makes a new intent; after all others it finds the old one.
STARTS_ANEW = frozenset({_S.EXPIRED, _S.REJECTED, _S.NOT_SENT})
# Evidence that arrives after one of these is an alarm.
LATE = frozenset({_S.REJECTED, _S.NOT_SENT, _S.DENIED, _S.EXPIRED, _S.NOT_APPLIED, _S.NEEDS_HUMAN})


def allowed(before: State, after: State) -> bool:
    """Whether the table has this move."""
    return after in MOVES[before]


@dataclass(frozen=True)
class Request:
    """What was asked, as given. `amount_minor`, `item_ids` or neither: all that is left.

    `cancels`: the order is cancelled, and `amount_minor` of it given back; without one, nothing.
    """

    order_id: str
    reason: str
    amount_minor: int | None = None
    item_ids: tuple[str, ...] | None = None
    quantity: int | None = None
    repeat_of: str | None = None
    cancels: bool = False
    notify_customer: bool | None = None

    def fingerprint(self, account: str) -> str:
        """The same for the same request to the same account, whoever asks; else different.

        `account` names platform, address and account: the sandbox is never the real store.
        """
        facts = [
            account,
            self.order_id,
            self.amount_minor,
            None if self.item_ids is None else sorted(self.item_ids),
            self.quantity,
            self.reason,
            self.repeat_of,
        ]
        if self.cancels:
            facts += ["cancel", self.notify_customer]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Intent:
    """One refund, from the request to its end. Amounts in minor units, times in Unix seconds.

    Attributes:
        refund_id: ours, `rr_…`; its marker ends the reason that is sent.
        account: platform, address and account of the store; only a process whose settings name
            the same may send or settle it.
        amount_minor: what would be, or was, refunded, as computed when it was prepared.
        refunded_before_minor: what was refunded of the order then, with what the store did not
            show yet of ours; an approval is bound to it.
        asked_by: the name under which who asked had signed in; None where nobody signs in.
        order_status: the order's word then; the approval of a cancellation is bound to it, too.
        baseline: ids of the refunds that the order showed just before sending.
        epoch: how often it was claimed; an answer of an earlier epoch changes nothing.
        owner: the process that claimed it.
        deadline: when its send must have ended.
        checked_at, checks: when and how often it was read back.
        why: for people, one line, no personal data.
    """

    refund_id: str
    account: str
    store: str
    request: Request
    amount_minor: int
    currency: str
    state: State
    created_at: float
    expires_at: float
    refunded_before_minor: int
    needs_person: tuple[str, ...] = ()
    asked_by: str | None = None
    approved_by: str | None = None
    approved_at: float | None = None
    claimed_at: float | None = None
    epoch: int = 0
    owner: str | None = None
    deadline: float | None = None
    baseline: tuple[str, ...] = ()
    sent_at: float | None = None
    checked_at: float | None = None
    checks: int = 0
    store_refund_id: str | None = None
    processor_id: str | None = None
    settlement: str | None = None
    code: str | None = None
    why: str | None = None
    alarm: str | None = None
    order_status: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The word an agent sees."""
        return OUTCOMES[self.state]

    @property
    def marker(self) -> str:
        """What ends the reason that is sent, and is looked for when reading back."""
        return f"[{self.refund_id}]"

    def moved(self, state: State) -> "Intent":
        """The same intent in another state.

        Raises:
            ValueError: the table does not allow the move.
        """
        if not allowed(self.state, state):
            raise ValueError(f"no move from {self.state} to {state}")
        return replace(self, state=state)


def new_refund_id() -> str:
    """A fresh `rr_…` id that nobody can guess."""
    return "rr_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


@dataclass(frozen=True)
class Spent:
    """What an account refunded, or may have, in the last 24 hours."""

    amount_minor: int = 0
    count: int = 0


@dataclass(frozen=True)
class Event:
    """One line of an intent's history. Never personal data, never a key."""

    event_id: int
    refund_id: str
    at: float
    who: str
    before: State | None
    after: State
    why: str
    evidence: Mapping[str, str | int | None]
