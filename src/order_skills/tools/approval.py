"""Asking a person in the host: one form, one required field, in both protocol eras.

The form's honesty is the host's: some answer it by themselves. So it asks for what is shown to
be typed, a decline that came too fast for a person decides nothing, and the owner can close
this door (`ORDER_SKILLS_APPROVAL_DOORS=command`, or an approval passphrase).
"""

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio
from mcp.shared.exceptions import MCPError
from mcp.types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from order_skills.errors import StoreError
from order_skills.refunds.description import lines, question, what_to_type
from order_skills.refunds.handled import Handled
from order_skills.tools.declare import AskHost, ToolCall

BY_HOST = "host form"
# Nobody reads and declines a form in less; a host that does has no person in front of it.
FASTEST_PERSON_SECONDS = 1.0
# The older protocol keeps the call open while the person reads; after this the request waits.
LONGEST_FORM_SECONDS = 300.0
_KEY = "approval"
_AMOUNT = "amount"


@dataclass(frozen=True)
class Form:
    """What a person is shown, and the one field into which they type what approves it."""

    message: str
    field: str
    title: str
    description: str

    def parameters(self) -> ElicitRequestFormParams:
        """The form as the protocol has it."""
        field = {"type": "string", "title": self.title, "description": self.description}
        schema = {"type": "object", "properties": {self.field: field}, "required": [self.field]}
        return ElicitRequestFormParams(message=self.message, requested_schema=schema)


@dataclass(frozen=True)
class Reply:
    """What the host answered, and after how long."""

    result: ElicitResult
    seconds: float

    def typed(self, field: str, wanted: str) -> bool:
        """Whether this was accepted, with exactly this text in the field."""
        given = (self.result.content or {}).get(field)
        accepted = self.result.action == "accept"
        return accepted and isinstance(given, str) and given.strip() == wanted


async def ask(call: ToolCall, about: str, form: Callable[[], Awaitable[Form]]) -> Reply | None:
    """Show a form; None where this host cannot, or did not.

    Args:
        about: what it is about, without spaces: an answer to another question is none to this.

    Raises:
        AskHost: the newer protocol's way to ask: the host repeats the call with the answer.
    """
    if not _can_ask(call):
        return None
    if call.context.request_context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        shown = (await form()).parameters()
        began = time.monotonic()
        # A host that cannot show the form after all is one that did not.
        with anyio.move_on_after(LONGEST_FORM_SECONDS), contextlib.suppress(MCPError):
            result = await call.context.session.elicit_form(
                shown.message, shown.requested_schema, related_request_id=call.context.request_id
            )
            return Reply(result, time.monotonic() - began)
        return None
    asked_about, _, asked_at = (call.context.request_state or "").partition(" ")
    answer = (call.context.input_responses or {}).get(_KEY)
    if asked_about == about and isinstance(answer, ElicitResult):
        return Reply(answer, time.time() - float(asked_at))
    raise AskHost(
        InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=(await form()).parameters())},
            request_state=f"{about} {time.time()}",
        )
    )


async def ask_in_host(call: ToolCall, handled: Handled) -> Handled:
    """Let the person at the host decide, where this host can ask; else the refund waits.

    Raises:
        AskHost: the newer protocol's way to ask.
        AgentError: it was approved, but may not be any more; nothing was sent.
    """
    reply = await ask(call, handled.intent.refund_id, partial(_form, call, handled))
    return handled if reply is None else await _decide(call, handled, reply)


def _can_ask(call: ToolCall) -> bool:
    settings = call.workspace.settings
    if "host" not in settings.approval_doors or settings.approval_passphrase is not None:
        return False
    capabilities = call.context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    # A client that says neither form nor url speaks the revision that knew forms alone.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


async def _form(call: ToolCall, handled: Handled) -> Form:
    order = handled.order
    if order is None:
        # Nobody is asked about what could not be sent any more.
        with contextlib.suppress(StoreError):
            order = await call.workspace.desk.as_asked(handled.intent)
    history = await call.workspace.desk.history(call.store, handled.intent.request.order_id)
    facts = [f"{label}: {value}" for label, value in lines(handled.intent, order, history)]
    typed = what_to_type(handled.intent)
    return Form(
        "\n".join(
            [
                question(handled.intent),
                *facts,
                f"To approve, type the amount as shown: {typed}",
            ]
        ),
        _AMOUNT,
        "Amount to refund",
        f"Type {typed} to approve; anything else approves nothing",
    )


async def _decide(call: ToolCall, handled: Handled, reply: Reply) -> Handled:
    desk, intent = call.workspace.desk, handled.intent
    if reply.typed(_AMOUNT, what_to_type(intent)):
        return await desk.approve(intent.refund_id, BY_HOST)
    if reply.result.action == "decline":
        by_itself = reply.seconds < FASTEST_PERSON_SECONDS
        if not (by_itself and "command" in call.workspace.settings.approval_doors):
            await desk.deny(intent.refund_id, BY_HOST)
            return await desk.get(intent.refund_id)
    return handled
