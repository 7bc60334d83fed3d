"""`order-skills webhooks …`: where stores send their events, and the secrets that sign them."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from order_skills import settings
from order_skills.commands import no_store, terminal
from order_skills.errors import AgentError, ConfigurationError
from order_skills.settings_stores import StoreSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, what: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=what, description=what, allow_abbrev=False)
        # Not its own default: it would win over the one that stood before the action.
        added.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS)
        added.add_argument("--store", metavar="NAME", help="of several stores, this one")
        return added

    action("list", "List where the stores send their events.")
    new = action("add", "Register an address, by typing its host.")
    new.add_argument("url", metavar="URL", help="https, at a host on the store's list")
    new.add_argument("--events", required=True, metavar="A,B", help="what to send there")
    gone = action("remove", "Remove a webhook, by typing its host.")
    gone.add_argument("webhook_id", metavar="WEBHOOK_ID")
    action("prune", "Remove webhooks at hosts that nobody listed, each by typing its host.")
    secret = action("secret", "Make a secret to paste into a store's dashboard, and print it.")
    how = secret.add_mutually_exclusive_group()
    how.add_argument(
        "--given", action="store_true", help="keep the one that the dashboard shows; it is asked"
    )
    how.add_argument(
        "--drop-old", action="store_true", help="make none: forget all of these but the newest"
    )


def run(environ: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Do it, and return the exit code.

    Raises:
        ConfigurationError: a setting or an argument cannot be used, or there is no terminal.
    """
    from order_skills import logs

    found = settings.load(environ, arguments.config)
    if not found.stores:
        raise no_store("set one of them or run: order-skills init")
    logs.configure(found.log, found.secrets())
    try:
        return _act(found, arguments)
    except AgentError as error:
        terminal.say(f"{error.code}: {terminal.sentence(error.message)}")
        return 1


def _act(found: settings.Settings, given: argparse.Namespace) -> int:
    from order_skills.commands import webhooks_change, webhooks_show

    match given.action:
        case "list":
            return webhooks_show.list_all(found, _several(found, given.store))
        case "add":
            store = _one(_managed(found), given.store)
            return webhooks_change.add(found, store, given.url, given.events.split(","))
        case "remove":
            store = _one(_managed(found), given.store)
            return webhooks_change.remove(found, store, given.webhook_id)
        case "prune":
            wanted = _several(found, given.store)
            return webhooks_change.prune(found, [s for s in wanted if s in _managed(found)])
        case _:
            store = _one(found.stores, given.store)
            if given.drop_old:
                return webhooks_show.drop_old_secrets(found, store)
            return webhooks_show.new_secret(found, store, asked=given.given)


# --- which store ----------------------------------------------------------------------------


def _managed(found: settings.Settings) -> list[StoreSettings]:
    from order_skills.webhooks import endpoints

    return [store for store in found.stores if endpoints.words(store.platform)]


def _several(found: settings.Settings, name: str | None) -> Sequence[StoreSettings]:
    return found.stores if name is None else [_one(found.stores, name)]


def _one(stores: Sequence[StoreSettings], name: str | None) -> StoreSettings:
    names = ", ".join(store.name for store in stores)
    if not stores:
        raise ConfigurationError("webhooks", "of these stores are managed in their dashboards")
    if name is None and len(stores) > 1:
        raise ConfigurationError("--store", f"is needed to choose one of: {names}")
    for store in stores:
        if name in (None, store.name):
            return store
    raise ConfigurationError("--store", f"must be one of: {names}")
