"""`order-skills refunds …`: the operator's side of refunds."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from order_skills import settings
from order_skills.commands import terminal
from order_skills.errors import AgentError, Code

_REFUND_ID = re.compile(r"rr_[0-9a-z]{4,32}")
_STORES_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
# Nobody has more refunds, and every database takes it.
_MOST = 1_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, what: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=what, description=what, allow_abbrev=False)
        # Not its own default: it would win over the one that stood before the action.
        added.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS)
        return added

    def on_one(name: str, what: str) -> argparse.ArgumentParser:
        added = action(name, what)
        added.add_argument("refund_id", type=_refund_id, metavar="REFUND_ID")
        return added

    def with_json(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added.add_argument("--json", action="store_true", help="print JSON")
        return added

    listed = with_json(action("list", "List all refunds, newest first."))
    listed.add_argument("--limit", type=_limit, metavar="N", help="the newest N alone")
    with_json(on_one("show", "Show all that is known of a refund."))
    on_one("approve", "Show a refund, and approve it by typing its amount.")
    on_one("deny", "Refuse a refund that waits.")
    resolve = with_json(on_one("resolve", "Settle a refund that reading the store could not."))
    how = resolve.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--made",
        type=_stores_id,
        metavar="ID",
        help="the store made it: its id there (of a cancellation, the order's id)",
    )
    how.add_argument("--not-made", action="store_true", help="the store never made it")
    everything = with_json(action("reconcile", "Compare the ledger with the store; send nothing."))
    everything.add_argument(
        "--order",
        action="append",
        default=[],
        type=_stores_id,
        metavar="ID",
        help="read this order, too; can be repeated",
    )
    action("freeze", "Stop all refunds of every process at once.")
    action("unfreeze", "Let refunds go on.")


def run(environ: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Do it, and return the exit code.

    Raises:
        ConfigurationError: a setting cannot be used, or there is no terminal to ask at.
    """
    from order_skills import logs

    found = settings.load(environ, arguments.config)
    # These commands print what they find; what is left is an outcome that no ledger has.
    logs.configure("critical" if found.log == "warning" else found.log, found.secrets())
    try:
        return _act(found, arguments)
    except AgentError as error:
        terminal.say(_for_the_owner(error))
        return 1


def _act(found: settings.Settings, given: argparse.Namespace) -> int:
    match given.action:
        case "list":
            from order_skills.commands import refunds_show

            return refunds_show.list_all(found, as_json=given.json, limit=given.limit)
        case "show":
            from order_skills.commands import refunds_show

            return refunds_show.show(found, given.refund_id, as_json=given.json)
        case "approve":
            from order_skills.commands import refunds_decide

            return refunds_decide.approve(found, given.refund_id)
        case "deny":
            from order_skills.commands import refunds_decide

            return refunds_decide.deny(found, given.refund_id)
        case "resolve":
            from order_skills.commands import refunds_settle

            return refunds_settle.resolve(found, given.refund_id, given.made, as_json=given.json)
        case "reconcile":
            from order_skills.commands import refunds_settle

            return refunds_settle.reconcile_all(found, given.order, as_json=given.json)
        case "freeze":
            from order_skills.commands import refunds_freeze

            return refunds_freeze.freeze(found)
        case _:
            from order_skills.commands import refunds_freeze

            return refunds_freeze.unfreeze(found)


def _for_the_owner(error: AgentError) -> str:
    # Agents are told to tell the owner, who is the one that reads this.
    if error.code is Code.LEDGER_UNAVAILABLE:
        return f"{error.code}: {error.message}. Next: run `order-skills doctor`."
    return str(error)


def _refund_id(text: str) -> str:
    return _matching(_REFUND_ID, text, "must have the form of a refund's id: rr_7f3k2m9a0b")


def _stores_id(text: str) -> str:
    return _matching(_STORES_ID, text, "must have the form of a store's id: letters and digits")


def _matching(pattern: re.Pattern[str], text: str, problem: str) -> str:
    if pattern.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(problem)
    return text


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < len(str(_MOST)) and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError("must be a whole number of at least 1")
