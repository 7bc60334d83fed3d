"""Asking a person in the host: one form, one required field, in both protocol eras.

The form's honesty is the host's: some answer it by themselves. So it asks for the amount as
shown, a decline that came too fast for a person decides nothing, and the owner can close this
door (`ORDER_SKILLS_APPROVAL_DOORS=command`, or an approval passphrase).
"""

import contextlib
import time
from typing import Any

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


async def ask_in_host(call: ToolCall, handled: Handled) -> Handled:
    """Let the person at the host decide, where this host can ask; else the refund waits.

    Raises:
        AskHost: the newer protocol's way to ask: the host repeats the call with the answer.
        AgentError: it was approved, but may not be any more; nothing was sent.
    """
    if not _can_ask(call):
        return handled
    if call.context.request_context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        form_fields = await _form(call, handled)
        began = time.monotonic()
        # A host that cannot show the form after all leaves the request waiting.
        with anyio.move_on_after(LONGEST_FORM_SECONDS), contextlib.suppress(MCPError):
            answer = await call.context.session.elicit_form(
                **form_fields, related_request_id=call.context.request_id
            )
            return await _decide(call, handled, answer, time.monotonic() - began)
        return handled
    refund_id, _, asked_at = (call.context.request_state or "").partition(" ")
    answers = call.context.input_responses or {}
    answer = answers.get(_KEY)
    if refund_id == handled.intent.refund_id and isinstance(answer, ElicitResult):
        return await _decide(call, handled, answer, time.time() - float(asked_at))
    form = ElicitRequestFormParams(**await _form(call, handled))
    raise AskHost(
        InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=form)},
            request_state=f"{handled.intent.refund_id} {time.time()}",
        )
    )


def _can_ask(call: ToolCall) -> bool:
    settings = call.workspace.settings
    if "host" not in settings.approval_doors or settings.approval_passphrase is not None:
        return False
    capabilities = call.context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    # A client that says neither form nor url speaks the revision that knew forms alone.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


async def _form(call: ToolCall, handled: Handled) -> dict[str, Any]:
    order = handled.order
    if order is None:
        # Nobody is asked about what could not be sent any more.
        with contextlib.suppress(StoreError):
            order = await call.workspace.desk.as_asked(handled.intent)
    history = await call.workspace.desk.history(call.store, handled.intent.request.order_id)
    facts = [f"{label}: {value}" for label, value in lines(handled.intent, order, history)]
    typed = what_to_type(handled.intent)
    return {
        "message": "\n".join(
            [
                question(handled.intent),
                *facts,
                f"To approve, type the amount as shown: {typed}",
            ]
        ),
        "requested_schema": {
            "type": "object",
            "properties": {
                "amount": {
                    "type": "string",
                    "title": "Amount to refund",
                    "description": f"Type {typed} to approve; anything else approves nothing",
                }
            },
            "required": ["amount"],
        },
    }


async def _decide(
    call: ToolCall, handled: Handled, answer: ElicitResult, seconds: float
) -> Handled:
    desk, intent = call.workspace.desk, handled.intent
    if answer.action == "accept":
        typed = (answer.content or {}).get("amount")
        if isinstance(typed, str) and typed.strip() == what_to_type(intent):
            return await desk.approve(intent.refund_id, BY_HOST)
    elif answer.action == "decline":
        by_itself = seconds < FASTEST_PERSON_SECONDS
        if not (by_itself and "command" in call.workspace.settings.approval_doors):
            await desk.deny(intent.refund_id, BY_HOST)
            return await desk.get(intent.refund_id)
    return handled
