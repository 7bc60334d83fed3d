"""What is measured: tool calls, calls to stores, refunds as they move, and what is left of limits.

Spans: the SDK makes one for each request; its attributes get what we know of the call, and each
attempt to reach a store is a child of it. Attributes and labels are words of ours alone: names
from the settings, codes, path templates. No id of an order or a customer is among them.

The names of the metrics are part of what an owner builds alarms on: see references/operations.md.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from opentelemetry import trace
from opentelemetry.metrics import Meter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from order_skills.errors import StoreError
from order_skills.http import Answer, Call, Watch
from order_skills.observing import gauges
from order_skills.observing.books import watched
from order_skills.observing.calls import ToolCalled
from order_skills.pace import Pace
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.intents import OUTCOMES, State
from order_skills.refunds.ledger import Ledger
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.settings import Settings

# A store answers within a tenth of a second on a good day, and a call is given up at 45 s.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# What was measured last is worth no more of a shutdown than this; it is its last step.
FLUSH_SECONDS = 5.0


class Telemetry:
    """The measurements of one process.

    Args:
        tracer: makes the spans.
        meter: makes the instruments.
        flush: sends what is still held back, and ends; called once, in a thread.
    """

    def __init__(
        self, tracer: Tracer, meter: Meter, flush: Callable[[], None] = lambda: None
    ) -> None:
        self.meter = meter
        self.loop: asyncio.AbstractEventLoop | None = None
        self.paces: dict[str, Pace] = {}
        # Held while the ledger is asked for the gauges.
        self.asking = asyncio.Lock()
        self.rests = False
        self._tracer = tracer
        self._flush = flush
        self._tools = meter.create_histogram(
            "order_skills.tool.duration",
            unit="s",
            description="Tool calls, by tool, store and outcome",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._stores = meter.create_histogram(
            "order_skills.store.duration",
            unit="s",
            description="Attempts to reach a store, by store, method, path template and status",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._moves = meter.create_counter(
            "order_skills.refunds.moves",
            description="Refunds that this process moved, by the outcome they moved to",
        )
        self._alarms = meter.create_counter(
            "order_skills.refunds.alarms",
            description="What the books and a store say differently; each needs a person",
        )

    def tool_called(self, called: ToolCalled) -> str | None:
        """Measure a tool call, in its span; the id of its trace, where it is traced."""
        self.loop = asyncio.get_running_loop()
        labels = {"tool": called.tool, "outcome": called.ended.outcome}
        if called.store is not None:
            labels["store"] = called.store
        self._tools.record(called.seconds, labels)
        span = trace.get_current_span()
        for name, value in labels.items():
            span.set_attribute(f"order_skills.{name}", value)
        span.set_attribute("order_skills.principal", called.principal)
        span.set_attribute("order_skills.request_id", called.request_id)
        context = span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def store(self, name: str) -> Watch:
        """What looks on while requests go to the store of this name."""

        async def watch(
            call: Call, attempt: int, pace: Pace, send: Callable[[], Awaitable[Answer]]
        ) -> Answer:
            self.paces[name] = pace
            route = {"http.request.method": call.method, "url.template": call.template}
            with self._tracer.start_as_current_span(
                f"{call.method} {call.template}",
                kind=SpanKind.CLIENT,
                attributes={
                    **route,
                    "order_skills.store": name,
                    "http.request.resend_count": attempt,
                },
                # An exception's text may hold anything.
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                begun, status, ended = time.perf_counter(), None, "cancelled"
                try:
                    answer = await send()
                    status = answer.status
                    return answer
                except StoreError as error:
                    status, ended = error.status, str(error.code)
                    span.set_status(StatusCode.ERROR)
                    span.set_attribute("error.type", ended)
                    raise
                finally:
                    if status is not None:
                        span.set_attribute("http.response.status_code", status)
                    of_status = ended if status is None else f"{status // 100}xx"
                    self._stores.record(
                        time.perf_counter() - begun,
                        {"store": name, "status": of_status, **route},
                    )

        return watch

    def books(self, open_ledger: Callable[[], Ledger]) -> Callable[[], Ledger]:
        """How the ledger is opened so that its moves are counted."""
        return lambda: watched(open_ledger(), self)

    def gauge(self, ledger: AsyncLedger, settings: "Settings", stores: Iterable[Store]) -> None:
        """Have the gauges of this desk's ledger and of these stores collected."""
        gauges.register(self, ledger, settings, tuple(stores))

    def moved(self, state: State, times: int = 1) -> None:
        """Count refunds that moved to a state."""
        if times:
            self._moves.add(times, {"outcome": OUTCOMES[state]})

    def alarmed(self) -> None:
        """Count an alarm that was written into the ledger."""
        self._alarms.add(1)

    async def rest(self) -> None:
        """Ask the ledger no more, because it is about to be closed."""
        self.rests = True
        with anyio.move_on_after(FLUSH_SECONDS):
            async with self.asking:
                pass

    async def aclose(self) -> None:
        """Send what is still held back, for a bounded time."""
        flushing = threading.Thread(target=self._flush, daemon=True)
        flushing.start()
        await anyio.to_thread.run_sync(flushing.join, FLUSH_SECONDS)
