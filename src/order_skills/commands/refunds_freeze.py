"""`order-skills refunds freeze` and `unfreeze`: every process on the ledger stops at once."""

import asyncio
from datetime import UTC, datetime

from order_skills.commands import terminal
from order_skills.refunds.ledger import Frozen
from order_skills.settings import Settings
from order_skills.workspace import open_desk


def freeze(settings: Settings) -> int:
    """Stop all refunds; the exit code.

    Raises:
        AgentError: the ledger failed.
    """
    before = asyncio.run(_set(settings, terminal.who()))
    if before is not None:
        terminal.tell(f"All refunds are stopped already, {since(before)}.")
    else:
        terminal.tell(
            "All refunds of this ledger are stopped, in every process. "
            "To let them go on: order-skills refunds unfreeze"
        )
    return 0


def unfreeze(settings: Settings) -> int:
    """Let refunds go on; the exit code.

    Raises:
        ConfigurationError: a passphrase is set, and there is no terminal to ask for it.
        AgentError: the ledger failed.
    """
    if settings.approval_passphrase is not None:
        terminal.must_be_one("refunds unfreeze")
        if not terminal.knows_passphrase(settings.approval_passphrase):
            terminal.say("that is not the passphrase; refunds are as they were")
            return 1
    before = asyncio.run(_lift(settings, terminal.who()))
    if before is not None:
        terminal.tell(f"Refunds go on; they were stopped {since(before)}.")
    else:
        terminal.tell("Refunds were not stopped.")
    return 0


async def _set(settings: Settings, by: str) -> Frozen | None:
    desk = open_desk(settings, {})
    try:
        before = await desk.ledger.run(lambda books: books.frozen())
        await desk.ledger.run(lambda books: books.freeze(by))
    finally:
        await desk.aclose()
    return before


async def _lift(settings: Settings, by: str) -> Frozen | None:
    desk = open_desk(settings, {})
    try:
        before = await desk.ledger.run(lambda books: books.frozen())
        await desk.ledger.run(lambda books: books.unfreeze(by))
    finally:
        await desk.aclose()
    return before


def since(frozen: Frozen) -> str:
    """When refunds were stopped, and by whom."""
    at = datetime.fromtimestamp(frozen.at, UTC)
    return f"since {at:%Y-%m-%d %H:%M:%S} UTC, by {frozen.by}"
