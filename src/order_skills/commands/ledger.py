"""`order-skills ledger check` and `migrate`: whether refunds are well kept, and where."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from order_skills import settings, text
from order_skills.commands import terminal
from order_skills.errors import ConfigurationError
from order_skills.refunds.ledger import LedgerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, what: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=what, description=what, allow_abbrev=False)
        # Not its own default: it would win over the one that stood before the action.
        added.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS)
        return added

    action("check", "Prove that the ledger is whole, and say what it holds.")
    moving = action("migrate", "Move the refunds of a file to the PostgreSQL of the settings.")
    moving.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="PATH",
        help="the file (default: ledger.db in the home)",
    )


def run(environ: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Do it, and return the exit code.

    Raises:
        ConfigurationError: a setting or an argument cannot be used.
    """
    from order_skills import logs

    found = settings.load(environ, arguments.config)
    logs.configure(found.log, found.secrets())
    try:
        return _check(found) if arguments.action == "check" else _migrate(found, arguments.source)
    except LedgerError as error:
        terminal.say(terminal.sentence(str(error)))
        return 1


def _check(found: settings.Settings) -> int:
    from order_skills.commands import ledger_report

    if isinstance(found.ledger, Path) and not os.path.lexists(found.ledger):
        terminal.tell(f"There is no ledger at {found.ledger} yet; it is made when it is needed.")
        return 0
    whole = True
    for word, subject, told in ledger_report.lines(found):
        terminal.tell(f"{word:<4}  {subject}: {told}")
        whole = whole and word != "fail"
    return 0 if whole else 1


def _migrate(found: settings.Settings, source: Path | None) -> int:
    if isinstance(found.ledger, Path):
        raise ConfigurationError(
            "ORDER_SKILLS_LEDGER",
            "must be the postgresql:// address that the refunds are moved to; the file that they "
            "lie in is ledger.db of the home, or the one that --from names",
        )
    path = (source or found.home / settings.LEDGER_NAME).absolute()
    if not os.path.lexists(path):
        raise LedgerError(f"there is no ledger at {path}; nothing was moved")
    from order_skills.refunds.moving import move
    from order_skills.refunds.postgres import PostgresLedger
    from order_skills.refunds.sqlite import SqliteLedger

    target = PostgresLedger(found.ledger.reveal())
    try:
        old = SqliteLedger(path, moved=True)
        try:
            old.verify()
            moved = move(old, target)
        finally:
            old.close()
    finally:
        target.close()
    how = "were moved before" if moved.before else "are in PostgreSQL now, each row compared"
    rows = moved.rows
    terminal.tell(
        f"{text.counted(rows['refund_intent'], 'refund')} with "
        f"{text.counted(rows['refund_event'], 'event')} and "
        f"{text.counted(rows['webhook_event'], 'webhook event')} {how}. "
        f"{path} takes nothing any more; keep it as a backup, and let every process name "
        "the PostgreSQL in ORDER_SKILLS_LEDGER."
    )
    return 0
