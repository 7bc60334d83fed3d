"""`order-skills refunds resolve` and `reconcile`: the owner settles what is in doubt."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

from order_skills.commands import no_store, refunds_books, terminal
from order_skills.commands.refunds_show import as_section_6
from order_skills.errors import Code, Refusal
from order_skills.refunds import operating
from order_skills.refunds.intents import Intent, State
from order_skills.refunds.reconciling import Finding, reconcile
from order_skills.refunds.words import words
from order_skills.settings import Settings


def resolve(settings: Settings, refund_id: str, made: str | None, *, as_json: bool) -> int:
    """Settle a refund as the owner says, if the store does not say otherwise; the exit code.

    Args:
        made: the id of the store's refund; None: the store never made it.

    Raises:
        ConfigurationError: a passphrase is set, and there is no terminal to ask for it.
        AgentError: it may not be settled so, or not now; nothing changed.
    """
    refunds_books.must_not_be_read_only(settings)
    if settings.approval_passphrase is not None:
        terminal.must_be_one("refunds resolve")
    intent, waits = asyncio.run(_waits(settings, refund_id))
    if not waits:
        terminal.say(f"nothing was changed: {words(intent)[0]}")
        return 1
    if not terminal.knows_passphrase(settings.approval_passphrase):
        terminal.say("that is not the passphrase; nothing was changed")
        return 1
    intent = asyncio.run(_resolve(settings, refund_id, made))
    if as_json:
        print(json.dumps(as_section_6(intent, sandbox=False), indent=2))
    else:
        terminal.tell(terminal.sentence(words(intent)[0]))
    if _is_as_said(intent, made):
        return 0
    shown = f" ({intent.store_refund_id})" if intent.store_refund_id else ""
    terminal.say(f"this is what the store shows{shown}, against what was said: {intent.why}")
    return 1


def reconcile_all(settings: Settings, orders: Sequence[str], *, as_json: bool) -> int:
    """Settle what has evidence and tell the rest; 0 where nothing is in doubt.

    Raises:
        ConfigurationError: no store is configured.
        AgentError: these settings only read, or the ledger failed.
    """
    refunds_books.must_not_be_read_only(settings)
    if not settings.stores:
        raise no_store("set one of them: reconcile reads the store")
    found = asyncio.run(_reconcile(settings, orders, aloud=not as_json))
    in_doubt = any(finding.in_doubt for finding in found)
    if as_json:
        told = [{k: v for k, v in asdict(f).items() if v is not None} for f in found]
        print(json.dumps({"in_doubt": in_doubt, "findings": told}, indent=2))
    elif not in_doubt:
        terminal.tell("Nothing is in doubt.")
    return 1 if in_doubt else 0


async def _waits(settings: Settings, refund_id: str) -> tuple[Intent, bool]:
    async with refunds_books.opened(settings) as books:
        found = await books.mine(refund_id)
        if found.sandbox:
            raise Refusal(
                Code.NOT_SUPPORTED,
                "it is a sandbox's refund, whose store lives in the server that runs it",
                "that server settles it by itself",
            )
        return await operating.open_to_a_person(found.desk, refund_id, terminal.who())


async def _resolve(settings: Settings, refund_id: str, made: str | None) -> Intent:
    async with refunds_books.opened(settings) as books:
        found = await books.mine(refund_id)
        assert found.store is not None
        return await operating.resolve(found.desk, found.store, refund_id, made, terminal.who())


def _is_as_said(intent: Intent, made: str | None) -> bool:
    if made is None:
        return intent.state in (State.NOT_APPLIED, State.REJECTED)
    if intent.request.cancels:
        # It has no id of its own: the order's was given, and the store shows it cancelled.
        return intent.state is State.SUCCEEDED
    return intent.state is State.SUCCEEDED and intent.store_refund_id == made


async def _reconcile(settings: Settings, orders: Sequence[str], *, aloud: bool) -> list[Finding]:
    found = []
    async with refunds_books.opened(settings) as books:
        desk = books.workspace.desk
        stores = [s for s in books.workspace.stores.values() if s.account in desk.accounts]
        async for finding in reconcile(desk, stores, terminal.who(), orders):
            found.append(finding)
            if aloud:
                terminal.tell(f"{finding.kind:<10}  {finding.text}")
    return found
