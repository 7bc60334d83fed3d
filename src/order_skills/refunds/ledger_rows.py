"""How an intent and an event lie in a row, the same in both databases."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from order_skills.refunds.intents import Event, Intent, Request, State

# A row as a driver gives it: the two databases have no common type for a value.
Row = Sequence[Any]

_REQUEST_COLUMNS = (
    "order_id",
    "reason",
    "asked_minor",
    "item_ids",
    "quantity",
    "repeat_of",
    "cancels",
    "notify_customer",
)
_INTENT_COLUMNS = (
    "refund_id",
    "account",
    "store",
    "amount_minor",
    "currency",
    "state",
    "created_at",
    "expires_at",
    "refunded_before_minor",
    "needs_person",
    "asked_by",
    "approved_by",
    "approved_at",
    "claimed_at",
    "epoch",
    "owner",
    "deadline",
    "baseline",
    "sent_at",
    "checked_at",
    "checks",
    "store_refund_id",
    "processor_id",
    "settlement",
    "code",
    "why",
    "alarm",
    "order_status",
)
# Tuples of words, kept as JSON text.
_LISTS = ("needs_person", "baseline")
# 2**53: beyond it a JSON reader somewhere rounds. No refund is near.
_LARGEST_MINOR = 9_007_199_254_740_992

COLUMNS = ", ".join((*_REQUEST_COLUMNS, *_INTENT_COLUMNS))
EVENT_COLUMNS = "event_id, refund_id, at, who, state_before, state_after, why, evidence"


def intent_from(row: Row) -> Intent:
    """The intent of a row of `COLUMNS`."""
    order_id, reason, asked_minor, item_ids, quantity, repeat_of, cancels, notify, *rest = row
    values = dict(zip(_INTENT_COLUMNS, rest, strict=True))
    values["state"] = State(values["state"])
    for name in _LISTS:
        values[name] = tuple(json.loads(values[name]))
    request = Request(
        order_id=order_id,
        reason=reason,
        amount_minor=asked_minor,
        item_ids=None if item_ids is None else tuple(json.loads(item_ids)),
        quantity=quantity,
        repeat_of=repeat_of,
        cancels=bool(cancels),
        notify_customer=None if notify is None else bool(notify),
    )
    return Intent(request=request, **values)


def values_of(intent: Intent) -> dict[str, str | int | float | None]:
    """Column by column, what a new row of this intent holds.

    Raises:
        ValueError: an amount that is no whole number, or an intent that was claimed already: a
            mistake of ours.
    """
    request = intent.request
    _must_be_whole(intent.amount_minor, intent.refunded_before_minor)
    if request.amount_minor is not None:
        _must_be_whole(request.amount_minor)
    if intent.state not in (State.PREPARED, State.SUCCEEDED) or intent.epoch:
        raise ValueError("an intent enters the ledger unclaimed, or adopted as SUCCEEDED")
    values = {name: getattr(intent, name) for name in _INTENT_COLUMNS}
    values["state"] = intent.state.value
    for name in _LISTS:
        values[name] = packed(values[name])
    return values | {
        "order_id": request.order_id,
        "reason": request.reason,
        "asked_minor": request.amount_minor,
        "item_ids": None if request.item_ids is None else packed(request.item_ids),
        "quantity": request.quantity,
        "repeat_of": request.repeat_of,
        "cancels": int(request.cancels),
        "notify_customer": None
        if request.notify_customer is None
        else int(request.notify_customer),
        "fingerprint": request.fingerprint(intent.account),
    }


def packed(words: tuple[str, ...]) -> str:
    """Words as JSON text."""
    return json.dumps(words)


def event_from(row: Row) -> Event:
    """The event of a row of `EVENT_COLUMNS`."""
    event_id, refund_id, at, who, before, after, why, evidence = row
    return Event(
        event_id=event_id,
        refund_id=refund_id,
        at=at,
        who=who,
        before=None if before is None else State(before),
        after=State(after),
        why=why,
        evidence=json.loads(evidence),
    )


def packed_evidence(evidence: Mapping[str, str | int | None] | None) -> str:
    """Evidence as JSON text."""
    return json.dumps(dict(evidence or {}), sort_keys=True)


def _must_be_whole(*amounts: object) -> None:
    # PostgreSQL would round 24.5 without a word, and True is an int to isinstance.
    for amount in amounts:
        if type(amount) is not int or not 0 <= amount <= _LARGEST_MINOR:
            raise ValueError("an amount is a whole number of minor units")
