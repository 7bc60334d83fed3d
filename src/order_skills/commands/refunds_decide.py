"""`order-skills refunds approve` and `deny`: a person decides, at a terminal.

An approval is written down first, then sent by a running server, or by this process if there is
none. Both claim it in the ledger, so it is sent once, whoever is quicker.
"""

import asyncio
from collections.abc import Sequence

from order_skills.commands import refunds_books, terminal
from order_skills.orders import Order
from order_skills.refunds import description, operating, sending
from order_skills.refunds.intents import Intent, State
from order_skills.refunds.words import deed, words
from order_skills.settings import Settings

# A running server looks for approvals every 2 s and sends within 5 s; then it is ours to send.
WAIT_SECONDS = 8.0


def approve(settings: Settings, refund_id: str) -> int:
    """Show the refund, let the person type its amount, and wait for the outcome.

    Raises:
        ConfigurationError: there is no terminal.
        AgentError: it may not be approved; nothing was.
    """
    terminal.must_be_one("refunds approve")
    refunds_books.must_not_be_read_only(settings)
    intent, order, history = asyncio.run(_question(settings, refund_id))
    if (reason := _why_not(intent)) is not None:
        terminal.say(f"nothing was approved: {reason}")
        return 1
    _show(intent, order, history)
    typed = description.what_to_type(intent)
    if terminal.answered(f"To approve, type the amount as shown ({typed}): ") != typed:
        terminal.say("that is not the amount as shown; nothing was approved")
        return 1
    if not terminal.knows_passphrase(settings.approval_passphrase):
        terminal.say("that is not the passphrase; nothing was approved")
        return 1
    return asyncio.run(_approve(settings, refund_id))


def deny(settings: Settings, refund_id: str) -> int:
    """Say no to a refund that waits; the exit code.

    Raises:
        AgentError: there is no such refund, or the ledger failed.
    """
    denied, intent = asyncio.run(_deny(settings, refund_id))
    if not denied:
        terminal.say(f"nothing was denied: {words(intent)[0]}")
        return 1
    terminal.tell(
        f"Denied {refund_id}: {deed(intent)} ({intent.request.reason}). Nothing was sent."
    )
    return 0


async def _question(
    settings: Settings, refund_id: str
) -> tuple[Intent, Order | None, tuple[Intent, ...]]:
    """The refund, its order, freshly read where this process can, and its order's refunds."""
    async with refunds_books.opened(settings) as books:
        found = await books.mine(refund_id)
        if await found.desk.ledger.run(lambda ledger: ledger.frozen()) is not None:
            raise sending.stopped()
        intent = found.intent
        order_id = intent.request.order_id
        history = await found.desk.ledger.run(
            lambda ledger: ledger.of_order(intent.account, order_id)
        )
        if found.store is None or _why_not(intent) is not None:
            return intent, None, history
        # Nobody is asked about what could not be sent any more.
        return intent, await found.desk.as_asked(intent), history


def _why_not(intent: Intent) -> str | None:
    if intent.state is State.PREPARED and intent.approved_at is not None:
        return f"{intent.approved_by} approved it already; a running server sends it within seconds"
    return None if intent.state is State.PREPARED else words(intent)[0]


def _show(intent: Intent, order: Order | None, history: Sequence[Intent]) -> None:
    facts = description.lines(intent, order, history)
    if order is None:
        facts.append(("Order's details", "not here: its sandbox is in the server that runs it"))
    width = max(len(label) for label, _ in facts)
    lines = [f"  {label:<{width}}  {value}" for label, value in facts]
    terminal.ask_about([description.question(intent), *lines])


async def _approve(settings: Settings, refund_id: str) -> int:
    async with refunds_books.opened(settings) as books:
        found = await books.mine(refund_id)
        by = terminal.who()
        ledger = found.desk.ledger
        marked = await ledger.run(lambda books: books.approve(refund_id, by))
        if marked is None:
            if await ledger.run(lambda books: books.frozen()) is not None:
                raise sending.stopped()
            now = (await books.mine(refund_id)).intent
            terminal.say(f"nothing was approved: {_why_not(now) or words(now)[0]}")
            return 1
        intent, in_hand = await operating.carried_out(found.desk, marked, WAIT_SECONDS)
    if intent.state is State.PREPARED:
        terminal.say(
            f"{refund_id} is approved, but no running server took it up; one that serves its "
            "store sends it until it expires"
        )
        return 1
    terminal.tell(terminal.sentence(words(intent)[0]))
    return 0 if intent.state is State.SUCCEEDED or in_hand else 1


async def _deny(settings: Settings, refund_id: str) -> tuple[bool, Intent]:
    async with refunds_books.opened(settings) as books:
        found = await books.mine(refund_id)
        denied = await found.desk.deny(refund_id, terminal.who())
        return denied is not None, denied or (await books.mine(refund_id)).intent
