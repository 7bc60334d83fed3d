"""`order-skills refunds list` and `show`: for people as text, for programs as JSON."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from order_skills import money
from order_skills.commands import refunds_books
from order_skills.commands.refunds_freeze import since
from order_skills.commands.terminal import say, tell
from order_skills.refunds.intents import Event, Intent
from order_skills.refunds.ledger import Frozen
from order_skills.refunds.words import words
from order_skills.settings import Settings

_HEADINGS = ("refund_id", "outcome", "amount", "order", "store", "age", "asked_by", "why")
# Left out where nobody signed in.
_ASKED_BY = _HEADINGS.index("asked_by")
_TIMES = (
    "created_at",
    "expires_at",
    "approved_at",
    "claimed_at",
    "deadline",
    "sent_at",
    "checked_at",
)
_FOR_AGENTS = ("already_done", "next")
# The longest unit that fits at least once.
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def as_section_6(intent: Intent, *, sandbox: bool) -> dict[str, Any]:
    """The refund with the fields that an agent's answer has. What is not known is left out."""
    message, next_step = words(intent)
    fields = {
        "refund_id": intent.refund_id,
        "outcome": intent.outcome,
        "order_id": intent.request.order_id,
        "amount_minor": intent.amount_minor,
        "currency": intent.currency,
        "reason": intent.request.reason,
        "store_refund_id": intent.store_refund_id,
        "processor_id": intent.processor_id,
        "settlement": intent.settlement,
        "asked_by": intent.asked_by,
        "approved_by": intent.approved_by,
        # Looking moves nothing.
        "already_done": True,
        "message": message,
        "next": next_step,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return {"sandbox": True, **known} if sandbox else known


def list_all(settings: Settings, *, as_json: bool, limit: int | None) -> int:
    """Print all refunds, or the newest so many; the exit code."""
    now, found, frozen = asyncio.run(_newest(settings, limit))
    if frozen is not None:
        line = (
            f"Refunds are frozen {since(frozen)}. To let them go on: order-skills refunds unfreeze"
        )
        # Beside the JSON, whose form is fixed.
        (say if as_json else tell)(line)
    if as_json:
        refunds = [as_section_6(intent, sandbox=sandbox) for intent, sandbox in found]
        print(json.dumps({"refunds": refunds}, indent=2))
    elif found:
        rows = [_HEADINGS, *(_row(i, now, sandbox=s) for i, s in found)]
        if not any(intent.asked_by for intent, _ in found):
            rows = [row[:_ASKED_BY] + row[_ASKED_BY + 1 :] for row in rows]
        for line in _table(rows):
            tell(line)
    else:
        tell("There are no refunds yet.")
    return 0


def show(settings: Settings, refund_id: str, *, as_json: bool) -> int:
    """Print all that is known of one refund; the exit code."""
    found, events = asyncio.run(_one(settings, refund_id))
    facts = {**as_section_6(found.intent, sandbox=found.sandbox), **_beside(found.intent)}
    history = [_told(event) for event in events]
    if as_json:
        print(json.dumps({**facts, "events": history}, indent=2))
        return 0
    amount = money.shown(found.intent.amount_minor, found.intent.currency)
    shown = [(n, _text(v)) for n, v in facts.items() if n not in _FOR_AGENTS]
    for line in _table([("amount", amount), *shown]):
        tell(line)
    tell("")
    tell("events:")
    for line in _table([_event_row(event) for event in history]):
        tell(f"  {line}")
    return 0


async def _newest(
    settings: Settings, limit: int | None
) -> tuple[float, list[tuple[Intent, bool]], Frozen | None]:
    async with refunds_books.opened(settings) as books:
        return *(await books.newest(limit)), await books.frozen()


async def _one(settings: Settings, refund_id: str) -> tuple[refunds_books.Found, tuple[Event, ...]]:
    async with refunds_books.opened(settings) as books:
        found = await books.find(refund_id)
        return found, await found.desk.ledger.run(lambda ledger: ledger.events(refund_id))


def _row(intent: Intent, now: float, *, sandbox: bool) -> tuple[str, ...]:
    amount = money.shown(intent.amount_minor, intent.currency)
    return (
        intent.refund_id,
        intent.outcome,
        f"cancel, {amount}" if intent.request.cancels else amount,
        intent.request.order_id,
        f"{intent.store} (sandbox)" if sandbox else intent.store,
        _age(now - intent.created_at),
        intent.asked_by or "",
        intent.alarm or intent.why or "; ".join(intent.needs_person),
    )


def _age(seconds: float) -> str:
    whole = max(int(seconds), 0)
    size, unit = next((u for u in _UNITS if whole >= u[0]), _UNITS[-1])
    return f"{whole // size} {unit}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _beside(intent: Intent) -> dict[str, Any]:
    """What the ledger knows beside the fields of an agent's answer."""
    kept = asdict(intent)
    request = kept.pop("request")
    fields = {
        "state": str(kept.pop("state")),
        "cancels": request["cancels"] or None,
        **{n: request[n] for n in ("item_ids", "quantity", "repeat_of", "notify_customer")},
        **{name: value if name not in _TIMES else _when(value) for name, value in kept.items()},
    }
    given = {name: value for name, value in fields.items() if value not in (None, ())}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in given.items()}


def _told(event: Event) -> dict[str, Any]:
    return {
        "at": _when(event.at),
        "who": event.who,
        "before": None if event.before is None else str(event.before),
        "after": str(event.after),
        "why": event.why,
        "evidence": dict(event.evidence),
    }


def _event_row(event: dict[str, Any]) -> tuple[str, ...]:
    facts = ", ".join(f"{n} {v}" for n, v in event["evidence"].items() if v is not None)
    # An approval and an alarm change no state.
    moves = event["before"] not in (None, event["after"])
    state = f"{event['before']} -> {event['after']}" if moves else event["after"]
    return event["at"], event["who"], state, f"{event['why']} ({facts})" if facts else event["why"]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _when(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
