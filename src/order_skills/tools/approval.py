"""Asking a person in the host: one form, one required field, in both protocol eras.

The form's honesty is the host's: some answer it by themselves. So it asks for what is shown to
be typed, a decline that came too fast for a person decides nothing, and the owner can close
this door (`ORDER_SKILLS_APPROVAL_DOORS=command`, or an approval passphrase), or open it to another
person than the one who asked alone (`ORDER_SKILLS_APPROVAL_BY=another`).

In the newer protocol the host brings the question's state back with the answer. The ledger keeps
which ones came back, so an answer counts once, at whichever replica it arrives.
"""

import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
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

from order_skills import principals
from order_skills.errors import StoreError
from order_skills.refunds.description import lines, question, what_to_type
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Intent
from order_skills.refunds.person import is_another
from order_skills.refunds.spent_states import SpentStates
from order_skills.tools.declare import AskHost, ToolCall

BY_HOST = "host form"
# Nobody reads and declines a form in less; a host that does has no person in front of it.
FASTEST_PERSON_SECONDS = 1.0
# The older protocol keeps the call open while the person reads; after this the request waits.
LONGEST_FORM_SECONDS = 300.0
# What came back is remembered for longer than this (`spent_states.KEEP_SECONDS`).
OLDEST_ANSWER_SECONDS = 86_400.0
_MISTYPED = (
    "What was typed is not the amount as shown, so nothing was approved; the same call asks again"
)
_CLOSED = "The form was closed, so nothing was approved; the same call asks again"
_TOO_FAST = "The host declined faster than a person reads, so that decided nothing"
_KEY = "approval"
# The words of a state beside what it is about.
_BESIDE = 2
# Begins the last of them where an earlier call asked for the same; the version before, which may
# serve beside this one, reads such a state as it reads its own.
_AGAIN = "again-"
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
    """What the host answered, after how long, and whether an earlier call asked for this."""

    result: ElicitResult
    seconds: float
    again: bool

    def typed(self, field: str, wanted: str) -> bool:
        """Whether this was accepted, with exactly this text in the field."""
        given = (self.result.content or {}).get(field)
        accepted = self.result.action == "accept"
        return accepted and isinstance(given, str) and given.strip() == wanted


async def ask(
    call: ToolCall, about: str, form: Callable[[], Awaitable[Form]], *, again: bool = False
) -> Reply | None:
    """Show a form; None where this host cannot, or did not.

    Args:
        about: what it is about, without spaces: an answer to another question is none to this.
        again: whether an earlier call asked for it; the call that brings the answer back cannot
            tell by itself.

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
            return Reply(result, time.monotonic() - began, again)
        return None
    if (reply := await _brought_back(call, about)) is not None:
        return reply
    chance = f"{_AGAIN if again else ''}{secrets.token_hex(16)}"
    raise AskHost(
        InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=(await form()).parameters())},
            # Chance: no two questions are the same, so each can be answered once.
            request_state=f"{about} {time.time()} {chance}",
        )
    )


async def _brought_back(call: ToolCall, about: str) -> Reply | None:
    """The answer to this question that the call carries, if it is the first time that it does.

    Raises:
        Refusal: LEDGER_UNAVAILABLE; without it nobody can tell whether it counted before.
    """
    state = call.context.request_state or ""
    answer = (call.context.input_responses or {}).get(_KEY)
    # What it was about, when it was asked, and chance; without a state, one empty word.
    asked_about, *rest = state.split(" ")
    if asked_about != about or len(rest) != _BESIDE or not isinstance(answer, ElicitResult):
        return None
    seconds = time.time() - float(rest[0])
    if seconds > OLDEST_ANSWER_SECONDS:
        return None
    ledger = call.workspace.desk.ledger
    fresh = await ledger.run(lambda books: SpentStates(books.database).spend(state))
    return Reply(answer, seconds, rest[1].startswith(_AGAIN)) if fresh else None


async def ask_in_host(call: ToolCall, handled: Handled) -> Handled:
    """Let the person at the host decide, where this host can ask; else the refund waits.

    Nobody is asked about one that is approved, and only another than who asked, where the owner
    wants that.

    Raises:
        AskHost: the newer protocol's way to ask.
        AgentError: it was approved, but may not be any more; nothing was sent.
    """
    intent = handled.intent
    if intent.approved_at is not None:
        return handled
    if call.workspace.settings.approval_by == "another" and not is_another(
        intent.asked_by, signed_in()
    ):
        return handled
    form = partial(_form, call, handled)
    reply = await ask(call, intent.refund_id, form, again=handled.already_done)
    if reply is None:
        return handled
    return await _decide(call, replace(handled, already_done=reply.again), reply)


def signed_in() -> str | None:
    """The name under which the caller signed in; None where nobody does."""
    caller = principals.current()
    return None if caller is principals.LOCAL else caller.name


def another_may(call: ToolCall, intent: Intent) -> bool:
    """Whether this waits for another person than who asked, and a host may ask them."""
    by_another = call.workspace.settings.approval_by == "another"
    return by_another and intent.asked_by is not None and _host_may_ask(call)


def waits_for_another(call: ToolCall, intent: Intent) -> bool:
    """The same, where that is another than who calls now: whom this host has asked already."""
    return another_may(call, intent) and not is_another(intent.asked_by, signed_in())


def _host_may_ask(call: ToolCall) -> bool:
    settings = call.workspace.settings
    return "host" in settings.approval_doors and settings.approval_passphrase is None


def _can_ask(call: ToolCall) -> bool:
    if not _host_may_ask(call):
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
        return await desk.approve(intent.refund_id, _by_host())
    if reply.result.action == "decline":
        by_itself = reply.seconds < FASTEST_PERSON_SECONDS
        if not (by_itself and "command" in call.workspace.settings.approval_doors):
            denied = await desk.deny(intent.refund_id, _by_host())
            return replace(await desk.get(intent.refund_id), already_done=denied is None)
        return replace(handled, undecided=_TOO_FAST)
    wrong = reply.result.action == "accept"
    return replace(handled, undecided=_MISTYPED if wrong else _CLOSED)


def _by_host() -> str:
    name = signed_in()
    return BY_HOST if name is None else f"{BY_HOST}, {name}"
