"""One line of log for each tool call: who called what, how it ended, and how long it took.

What a client can write freely stands in it only where it is one of our own words: a tool that
exists, a store that is configured. Arguments and answers never do.
"""

import logging
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError

from order_skills import logs, principals
from order_skills.errors import Code

if TYPE_CHECKING:
    from order_skills.observing.telemetry import Telemetry

logger = logging.getLogger(logs.CALLS)

METHOD = "tools/call"
_REFUND_ID = re.compile(r"rr_[0-9a-z]{1,32}")
# A client chooses these, and could write anything into them.
_RPC_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Attributes:
        outcome: the error's code; `input_required` where a person is asked in the host;
            a refund's outcome, where the answer is one; else `ok`.
        refund_id: of the refund that the answer is about.
        already_done: whether that refund is an earlier call's, so that this one moved nothing.
    """

    outcome: str
    refund_id: str | None = None
    already_done: bool | None = None


# The client went away, sent what is no call, or met a defect of ours.
CANCELLED, NO_CALL, FAILED = Ended("cancelled"), Ended("invalid_request"), Ended("failed")


@dataclass(frozen=True)
class ToolCalled:
    """One call, as it is told; `seconds` is how long it took."""

    tool: str
    store: str | None
    principal: str
    request_id: str
    ended: Ended
    seconds: float


class ToolCalls:
    """Middleware of the SDK that writes down each tool call when it has ended.

    Args:
        tools: the names of the tools that there are, listed or not.
        stores: the names of the configured stores.
        telemetry: where the same is measured.
    """

    def __init__(
        self,
        tools: Collection[str],
        stores: Collection[str],
        telemetry: "Telemetry | None" = None,
    ) -> None:
        self._tools = frozenset(tools)
        self._stores = tuple(stores)
        self._telemetry = telemetry

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Serve the call, and write down how it ended."""
        if ctx.method != METHOD:
            return await call_next(ctx)
        request_id = secrets.token_hex(8)
        serving = logs.request_id.set(request_id)
        result: HandlerResult = None
        without: Ended | None = FAILED
        begun = time.perf_counter()
        try:
            result, without = await call_next(ctx), None
            return result
        except anyio.get_cancelled_exc_class():
            without = CANCELLED
            raise
        except (MCPError, ValidationError):
            without = NO_CALL
            raise
        finally:
            seconds = time.perf_counter() - begun
            try:
                self._tell(ctx, request_id, without or how_it_ended(result), seconds)
            except Exception as error:
                # Money may have moved: what cannot be told must not take the answer's place.
                logger.error("a call could not be written down: %s", type(error).__name__)
            logs.request_id.reset(serving)

    def _tell(
        self, ctx: ServerRequestContext[Any, Any], request_id: str, ended: Ended, seconds: float
    ) -> None:
        tool, store = self._named(ctx.params or {})
        called = ToolCalled(tool, store, principals.current().name, request_id, ended, seconds)
        trace_id = None if self._telemetry is None else self._telemetry.tool_called(called)
        facts = {
            "event": "tool_call",
            "rpc_id": _plain(ctx.request_id),
            "trace_id": trace_id,
            "principal": called.principal,
            "tool": tool,
            "store": store,
            "outcome": ended.outcome,
            "refund_id": ended.refund_id,
            "already_done": ended.already_done,
            "duration_ms": round(seconds * 1000, 1),
        }
        logger.info("tool call", extra={"facts": facts})

    def _named(self, params: Mapping[str, Any]) -> tuple[str, str | None]:
        """The tool and the store of a call, by names of ours alone."""
        name, given = params.get("name"), params.get("arguments")
        tool = name if isinstance(name, str) and name in self._tools else UNKNOWN
        if len(self._stores) == 1:
            return tool, self._stores[0]
        asked = given.get("store") if isinstance(given, Mapping) else None
        return tool, next((store for store in self._stores if store == asked), None)


def how_it_ended(result: HandlerResult) -> Ended:
    """What a result says of its call, read from its code and its structure alone."""
    wire = _wire(result)
    if wire.get("resultType") == "input_required":
        return Ended("input_required")
    structure = wire.get("structuredContent")
    refund = _refund(structure) if isinstance(structure, Mapping) else {}
    refund_id = refund.get("refund_id")
    about = refund_id if isinstance(refund_id, str) and _REFUND_ID.fullmatch(refund_id) else None
    if wire.get("isError"):
        return Ended(_code(wire.get("content")), about)
    outcome = refund.get("outcome")
    if about is not None and outcome in _outcomes():
        return Ended(str(outcome), about, refund.get("already_done") is True)
    return Ended("ok")


def _outcomes() -> Collection[str]:
    """The words for how a refund stands; here, because most calls are about no refund."""
    from order_skills.refunds.intents import OUTCOMES

    return OUTCOMES.values()


def _wire(result: HandlerResult) -> Mapping[str, Any]:
    if isinstance(result, BaseModel):
        return result.model_dump(by_alias=True, exclude_none=True)
    return result or {}


def _refund(structure: Mapping[str, Any]) -> Mapping[str, Any]:
    # A tool that changes an order answers with the refund beside it.
    beside = structure.get("refund")
    return beside if isinstance(beside, Mapping) else structure


def _code(content: object) -> str:
    """The code that an error's text begins with; nothing else of the text."""
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, Mapping) else None
    code = text.partition(":")[0] if isinstance(text, str) else ""
    return code if code in set(Code) else FAILED.outcome


def _plain(given: object) -> str | None:
    """A client's id of its request, where it is harmless."""
    return None if given is None else text if _RPC_ID.fullmatch(text := str(given)) else UNKNOWN
