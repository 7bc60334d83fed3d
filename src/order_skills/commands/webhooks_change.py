"""`order-skills webhooks add`, `remove` and `prune`: a person types the host that it is about."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from order_skills.commands import terminal
from order_skills.errors import Code, ConfigurationError, Happened, Refusal, StoreError
from order_skills.settings import Settings
from order_skills.settings_platforms import PLATFORMS
from order_skills.settings_stores import StoreSettings
from order_skills.stores.base import Store, Webhook
from order_skills.webhooks import endpoints, registering
from order_skills.webhooks.endpoints import BadAddress, Endpoint
from order_skills.webhooks.secret_file import SecretFile
from order_skills.workspace import open_workspace

T = TypeVar("T")


async def present(settings: Settings, store: StoreSettings) -> tuple[Webhook, ...]:
    """The webhooks that the store has.

    Raises:
        StoreError: it did not say.
    """
    return await _at(settings, store, lambda opened: opened.list_webhooks())


def add(settings: Settings, store: StoreSettings, url: str, events: Sequence[str]) -> int:
    """Register an address after the person typed its host; the exit code.

    Raises:
        ConfigurationError: there is no terminal, or the address or an event is refused.
        AgentError: nothing was registered.
    """
    _may_change(settings, "webhooks add")
    endpoint = _endpoint(store, url, events)
    shared = registering.shared_secret(settings, store)
    found = asyncio.run(present(settings, store))
    facts = endpoints.to_register(store.name, store.platform, endpoint, found)
    if not _typed(settings, endpoints.TO_REGISTER, facts, endpoint.host):
        terminal.say("nothing was registered")
        return 1
    file = SecretFile(settings.home, store.name)
    try:
        made = asyncio.run(
            _at(
                settings,
                store,
                lambda opened: registering.register(opened, endpoint, file, shared),
            )
        )
    except StoreError as error:
        return _failed(store, error, "has it")
    title = PLATFORMS[store.platform].title
    terminal.tell(
        f"Registered {made.webhook_id}: {title} sends {', '.join(endpoint.events)} to "
        f"{endpoint.url}. Its secret is kept for the receiver."
    )
    return 0


def remove(settings: Settings, store: StoreSettings, webhook_id: str) -> int:
    """Remove one webhook after the person typed its host; the exit code.

    Raises:
        ConfigurationError: there is no terminal, or no such webhook.
        AgentError: nothing was removed.
    """
    _may_change(settings, "webhooks remove")
    found = asyncio.run(present(settings, store))
    webhook = next((w for w in found if w.webhook_id == webhook_id), None)
    if webhook is None:
        raise ConfigurationError("WEBHOOK_ID", "names none; see: order-skills webhooks list")
    return 0 if _removed(settings, store, webhook, found) else 1


def prune(settings: Settings, stores: Sequence[StoreSettings]) -> int:
    """Remove what is at hosts that nobody listed, each after the person typed its host.

    The exit code is 0 where none is left.

    Raises:
        ConfigurationError: there is no terminal.
        AgentError: a store did not say what it has.
    """
    _may_change(settings, "webhooks prune")
    left = 0
    for store in stores:
        found = asyncio.run(present(settings, store))
        strange = [w for w in found if endpoints.not_ours(w.url, store.webhook_hosts)]
        if not strange:
            terminal.tell(f"{store.name}: every webhook is at a host that you listed.")
        for webhook in strange:
            if _removed(settings, store, webhook, found):
                found = tuple(w for w in found if w != webhook)
            else:
                left += 1
    return 1 if left else 0


def _removed(
    settings: Settings, store: StoreSettings, webhook: Webhook, found: Sequence[Webhook]
) -> bool:
    if not registering.has_usable_id(webhook):
        terminal.say("a webhook has an id that cannot be asked for; remove it in the dashboard")
        return False
    facts = endpoints.to_remove(store.name, store.platform, webhook, store.webhook_hosts)
    typed = endpoints.what_to_type(webhook)
    if not _typed(settings, endpoints.TO_REMOVE, facts, typed):
        terminal.say(f"{webhook.webhook_id} was not removed")
        return False
    file = SecretFile(settings.home, store.name)
    try:
        asyncio.run(
            _at(settings, store, lambda opened: registering.remove(opened, webhook, found, file))
        )
    except StoreError as error:
        _failed(store, error, "still has it")
        return False
    terminal.tell(f"Removed {webhook.webhook_id} at {endpoints.host_of(webhook.url)}.")
    return True


def _may_change(settings: Settings, command: str) -> None:
    terminal.must_be_one(command)
    if settings.read_only:
        raise Refusal(
            Code.READ_ONLY,
            "these settings only read, so no webhook is changed here",
            "run it without ORDER_SKILLS_READ_ONLY and read_only",
        )


def _endpoint(store: StoreSettings, url: str, events: Sequence[str]) -> Endpoint:
    if not store.webhook_hosts:
        raise ConfigurationError(
            "webhook_hosts",
            f"names no host for {store.name}; write yours under [stores.{store.name}] first, "
            'such as webhook_hosts = ["hooks.example.com"]',
        )
    words = endpoints.words(store.platform)
    if not set(events) <= set(words):
        raise ConfigurationError("--events", f"must be of: {', '.join(words)}")
    try:
        return endpoints.checked(url, store.webhook_hosts, events)
    except BadAddress as bad:
        raise ConfigurationError("URL", str(bad)) from None


def _typed(
    settings: Settings, question: str, facts: Sequence[tuple[str, str]], wanted: str
) -> bool:
    """Whether the person typed what is shown, and the passphrase where one is set."""
    width = max(len(label) for label, _ in facts)
    terminal.ask_about([question, *(f"  {label:<{width}}  {value}" for label, value in facts)])
    if terminal.answered(f"To approve, type the host name ({wanted}): ") != wanted:
        terminal.say("that is not the host name as shown")
        return False
    if not terminal.knows_passphrase(settings.approval_passphrase):
        terminal.say("that is not the passphrase")
        return False
    return True


def _failed(store: StoreSettings, error: StoreError, what: str) -> int:
    message = error.message
    if error.happened is Happened.UNKNOWN:
        title = PLATFORMS[store.platform].title
        message += f"; whether {title} {what} is not known. Look with: order-skills webhooks list"
    terminal.say(f"{error.code}: {terminal.sentence(message)}")
    return 1


async def _at(settings: Settings, store: StoreSettings, work: Callable[[Store], Awaitable[T]]) -> T:
    workspace = open_workspace(settings)
    try:
        return await work(workspace.stores[store.name])
    finally:
        await workspace.aclose()
