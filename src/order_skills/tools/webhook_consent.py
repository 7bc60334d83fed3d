"""A person at the host allows a change of webhooks by typing the host that it is about."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from order_skills.errors import Code, Refusal
from order_skills.tools import approval
from order_skills.tools.declare import ToolCall

_FIELD = "host"


@dataclass(frozen=True)
class Question:
    """What a person is asked.

    Attributes:
        about: the call's own facts; an answer about others is no answer to it.
        shown: label and value of what they decide on.
        typed: what approves it.
        command: the command of the terminal that does the same.
    """

    about: Sequence[str]
    asked: str
    shown: Sequence[tuple[str, str]]
    typed: str
    command: str


async def given(call: ToolCall, question: Question) -> bool:
    """Whether the person typed what is shown.

    Raises:
        Refusal: this host cannot ask, or may not; with the command that does it.
        AskHost: the newer protocol's way to ask.
    """

    async def form() -> approval.Form:
        facts = [f"{label}: {value}" for label, value in question.shown]
        last = f"To approve, type the host name: {question.typed}"
        return approval.Form(
            "\n".join([question.asked, *facts, last]),
            _FIELD,
            "Host name",
            f"Type {question.typed} to approve; anything else approves nothing",
        )

    if call.workspace.settings.approval_by == "another":
        # Who asks here is who answers: nothing waits that another person could take up.
        raise _in_a_terminal(question)
    digest = hashlib.sha256(json.dumps(list(question.about)).encode()).hexdigest()
    reply = await approval.ask(call, f"webhook:{digest}", form)
    if reply is None:
        raise _in_a_terminal(question)
    return reply.typed(_FIELD, question.typed)


def _in_a_terminal(question: Question) -> Refusal:
    return Refusal(
        Code.NOT_SUPPORTED,
        "a person has to approve this, and no form can be shown here; nothing was sent",
        f"ask the person to run `{question.command}` in a terminal; you cannot approve it",
    )
