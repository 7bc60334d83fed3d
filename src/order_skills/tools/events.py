"""recent_events: what stores said by themselves, in signed webhooks."""

from typing import Annotated

from pydantic import Field

from order_skills.answers import Answer
from order_skills.tools.arguments import Arguments, OrderId
from order_skills.tools.declare import ToolCall, ToolSpec


class RecentEventsArguments(Arguments):
    """What recent_events takes."""

    order_id: Annotated[OrderId | None, Field(description="Absent: of every order")] = None
    limit: Annotated[int, Field(ge=1, le=100, description="Most events to answer")] = 20


class EventRow(Answer):
    """An event: a hint that something happened, and no proof of it."""

    type: str
    order_id: str | None = None
    occurred_at: str | None = None
    received_at: str


class RecentEventsAnswer(Answer):
    """What recent_events answers."""

    events: list[EventRow]


async def recent_events(call: ToolCall, given: RecentEventsArguments) -> RecentEventsAnswer:
    """The newest verified events of a store, or of one order."""
    found = await call.workspace.mailroom.recent(call.store, given.order_id, given.limit)
    return RecentEventsAnswer(
        events=[
            EventRow(
                type=received.event.type,
                order_id=received.event.order_id,
                occurred_at=received.event.occurred_at,
                received_at=received.received_at,
            )
            for received in found
        ]
    )


RECENT_EVENTS = ToolSpec(
    name="recent_events",
    title="Recent events",
    description=(
        "List what the store reported by itself, newest first: orders paid, shipped, refunded. "
        "An event is a hint, and may be late or missing: get_order shows what holds now."
    ),
    arguments=RecentEventsArguments,
    answer=RecentEventsAnswer,
    run=recent_events,
    rest={"events": "ask with order_id for those of one order"},
)
