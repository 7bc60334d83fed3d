"""`order-skills tokens …`: the long random texts with which agents sign in to a service.

A token is shown once, when it is made; the settings file keeps its hash, in `[tokens.NAME]`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from order_skills import settings
from order_skills.commands import terminal
from order_skills.commands.checks import folder_problem, making_problem
from order_skills.commands.config_file import (
    CannotEdit,
    read_text,
    with_token,
    without_token,
    write_private,
)
from order_skills.errors import ConfigurationError
from order_skills.settings_file import read_config
from order_skills.settings_http import SCOPES
from order_skills.settings_values import is_store_name
from order_skills.signin import own_tokens

_SCOPES_EXPLAINED = """scopes:
  orders:read     read orders, refunds, reports and events
  orders:write    change, record, import and link orders
  refunds:write   ask for refunds and cancellations, within your limits and approval
  webhooks:write  register and remove webhooks, where you listed their hosts
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, what: str, epilog: str | None = None) -> argparse.ArgumentParser:
        added = actions.add_parser(
            name,
            help=what,
            description=what,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        # Not its own default: it would win over the one that stood before the action.
        added.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS)
        return added

    new = action("new", "Make a token, print it once, and keep its hash.", _SCOPES_EXPLAINED)
    new.add_argument("name", metavar="NAME", help="who will hold it, such as support-agent")
    new.add_argument(
        "--scope",
        nargs="+",
        action="extend",
        required=True,
        metavar="SCOPE",
        help="what it may do: see below",
    )
    new.add_argument(
        "--store",
        nargs="+",
        action="extend",
        metavar="STORE",
        help="the stores that it may see (default: all of them)",
    )
    action("list", "List the tokens: their names, scopes and stores.")
    gone = action("revoke", "Remove a token from the settings.")
    gone.add_argument("name", metavar="NAME")


def run(environ: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Do it, and return the exit code.

    Raises:
        ConfigurationError: a setting or an argument cannot be used; nothing was changed.
    """
    match arguments.action:
        case "new":
            return _new(environ, arguments)
        case "list":
            return _list(settings.load(environ, arguments.config))
        case _:
            return _revoke(_place(environ, arguments.config), arguments.name)


# --- new ------------------------------------------------------------------------------------


def _new(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    path = _place(environ, given.config)
    if problem := folder_problem(path.parent) if given.config is None else making_problem(path):
        raise ConfigurationError("--config" if given.config else "ORDER_SKILLS_HOME", problem)
    # A file that is named must be there; nobody means to begin one by a slip of the pen.
    found = settings.load(environ, given.config)
    if not is_store_name(given.name):
        raise ConfigurationError(
            "NAME", "must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter"
        )
    if given.name in (token.name for token in found.http.tokens):
        raise ConfigurationError(
            "NAME", "is a token's already; choose another, or first: order-skills tokens revoke"
        )
    token = own_tokens.new_token()
    kept: dict[str, str | list[str]] = {
        "hash": own_tokens.hash_of(token),
        "scopes": _chosen("--scope", given.scope, SCOPES),
    }
    if given.store is not None:
        stores = [store.name for store in found.stores]
        if not stores:
            raise ConfigurationError("--store", "cannot be chosen: no store is configured here")
        kept["stores"] = _chosen("--store", given.store, stores)
    try:
        text = with_token(read_text(path), given.name, kept)
    except CannotEdit:
        raise _cannot_edit(path, f"write [tokens.{given.name}] with tables of their own") from None
    if given.config is None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _written(path, text):
        return 1
    # Standard output has the header alone, for whatever keeps it.
    print(f"Authorization: Bearer {token}", flush=True)
    _explain(path, given.name, kept)
    return 0


def _chosen(option: str, given: Sequence[str], among: Sequence[str]) -> list[str]:
    if not set(given) <= set(among):
        raise ConfigurationError(option, f"must be of: {', '.join(among)}")
    return [word for word in among if word in given]


def _explain(path: Path, name: str, kept: Mapping[str, str | list[str]]) -> None:
    terminal.ask_about(
        [
            f"The token {name} is made: {', '.join(kept['scopes'])}; "
            f"{', '.join(kept.get('stores', [])) or 'all stores'}.",
            "Put the line above into the agent host's settings, as a header of its requests. "
            "It is shown this once.",
            f"{path} keeps only its hash. Restart the servers that run, to have them take it.",
        ]
    )
    if not sys.stdout.isatty():
        terminal.say("standard output is no terminal: whatever keeps it keeps a secret")


# --- list and revoke ------------------------------------------------------------------------


def _list(found: settings.Settings) -> int:
    rows = [
        (
            token.name,
            ", ".join(scope for scope in SCOPES if scope in token.scopes),
            "all stores" if token.stores is None else ", ".join(sorted(token.stores)),
        )
        for token in sorted(found.http.tokens, key=lambda token: token.name)
    ]
    if not rows:
        terminal.say("there is no token; make one: order-skills tokens new NAME --scope SCOPE")
    names, scopes = (max((len(row[i]) for row in rows), default=0) for i in (0, 1))
    for name, scope, stores in rows:
        terminal.tell(f"{name:<{names}}  {scope:<{scopes}}  {stores}")
    return 0


def _revoke(path: Path, name: str) -> int:
    # Not all settings: a token must also be revoked where another of them is wrong.
    tokens = (read_config(path) or {}).get("tokens")
    if not isinstance(tokens, dict) or not is_store_name(name) or name not in tokens:
        raise ConfigurationError("NAME", "is no token's; see: order-skills tokens list")
    try:
        text = without_token(read_text(path), name)
    except CannotEdit:
        raise _cannot_edit(path, f"remove tokens.{name} by hand") from None
    if not _written(path, text):
        return 1
    terminal.tell(f"Revoked {name}: it is no longer in {path}.")
    terminal.say("restart the servers that run: until then they take it")
    return 0


# --- the file -------------------------------------------------------------------------------


def _place(environ: Mapping[str, str], config: Path | None) -> Path:
    if config is not None:
        return config.absolute()
    return (settings.load(environ, sandbox=True).home / settings.CONFIG_NAME).absolute()


def _cannot_edit(path: Path, mend: str) -> ConfigurationError:
    return ConfigurationError(
        str(path), f"is written in a way that cannot be changed safely; {mend}"
    )


def _written(path: Path, text: str) -> bool:
    try:
        write_private(path, text)
    except OSError as error:
        terminal.say(f"{path} cannot be written ({error.strerror}); nothing was changed")
        return False
    return True
