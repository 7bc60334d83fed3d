"""`order-skills webhooks list` and `secret`: what stores send where, and what signs it."""

import asyncio
import sys
from collections.abc import Sequence

from order_skills import settings, text
from order_skills.commands import terminal
from order_skills.commands.webhooks_change import present
from order_skills.errors import AgentError, ConfigurationError
from order_skills.settings_platforms import PLATFORMS
from order_skills.settings_stores import StoreSettings
from order_skills.settings_values import BadValue, Secret, webhook_secrets
from order_skills.webhooks import endpoints, secret_file
from order_skills.webhooks.secret_file import SecretFile

# Their servers make the secret and show it; one of ours could not be given to them.
_MAKE_THEIR_OWN = ("paynow", "vesuviopay")


def list_all(found: settings.Settings, stores: Sequence[StoreSettings]) -> int:
    """Print where the stores send their events, and how many secrets there are; the exit code."""
    failed = False
    for store in stores:
        title, kept = PLATFORMS[store.platform].title, "secrets are unreadable"
        try:
            count = len(SecretFile(found.home, store.name).read()) + len(store.webhook_secrets)
            kept = f"{text.counted(count, 'secret')} for the receiver"
        except AgentError as error:
            failed = True
            terminal.say(terminal.sentence(error.message))
        if not endpoints.words(store.platform):
            terminal.tell(f"{store.name}: managed in {title}'s dashboard; {kept}")
            continue
        try:
            webhooks = asyncio.run(present(found, store))
        except AgentError as error:
            failed = True
            terminal.say(f"{store.name}: {terminal.sentence(error.message)}")
            continue
        many = text.counted(len(webhooks), "webhook")
        terminal.tell(f"{store.name}: {many} at {title}; {kept}")
        for webhook in webhooks:
            problem = endpoints.not_ours(webhook.url, store.webhook_hosts)
            mark = f"  <- {problem}" if problem else ""
            off = "  (switched off)" if webhook.active is False else ""
            events = ", ".join(webhook.events) or "no event said"
            terminal.tell(f"  {webhook.webhook_id}  {webhook.url}  {events}{off}{mark}")
    return 1 if failed else 0


def new_secret(found: settings.Settings, store: StoreSettings, *, asked: bool) -> int:
    """Make a secret and print it, or keep the one that the person is asked for; the exit code.

    Raises:
        ConfigurationError: there is no terminal, or the platform makes the secret itself.
        AgentError: it could not be kept.
    """
    file = SecretFile(found.home, store.name)
    title = PLATFORMS[store.platform].title
    if not asked and store.platform in _MAKE_THEIR_OWN:
        raise ConfigurationError(
            "webhooks secret",
            f"{title} makes the secret itself; keep the one its dashboard shows with --given",
        )
    # What is printed is read by whoever runs this: a person, and no program.
    terminal.must_be_one("webhooks secret")
    if found.http.replicas > 1:
        return _for_replicas(store, asked=asked)
    if asked:
        file.add(_asked(title))
        terminal.tell(f"The secret is kept for {store.name}; a running server takes it at once.")
        return 0
    made = secret_file.new_secret()
    file.add(made)
    print(made.reveal(), flush=True)
    terminal.say(
        f"paste it into {title}'s dashboard; the receiver of {store.name} takes it from now on, "
        "beside the older ones until: order-skills webhooks secret --drop-old"
    )
    if not sys.stdout.isatty():
        terminal.say("standard output is no terminal: whatever keeps it keeps a secret")
    return 0


def _for_replicas(store: StoreSettings, *, asked: bool) -> int:
    """A secret is kept in the settings, which every replica reads, and in no file of one."""
    place = f"webhook_secrets under [stores.{store.name}], in the settings of every replica"
    if asked:
        raise ConfigurationError(
            "--given", f"has no meaning with several replicas; write it into {place}"
        )
    print(secret_file.new_secret().reveal(), flush=True)
    terminal.say(f"write it into {place}, in front of the older ones; it is kept nowhere else")
    return 0


def _asked(title: str) -> Secret:
    given = terminal.hidden(f"{title}'s webhook secret (not shown while you type): ")
    try:
        return webhook_secrets([(given or "").strip()])[0]
    except BadValue as bad:
        raise ConfigurationError("the secret", str(bad)) from None


def drop_old_secrets(found: settings.Settings, store: StoreSettings) -> int:
    """Forget the secrets for a dashboard but the newest; the exit code.

    Raises:
        AgentError: the file cannot be used.
    """
    gone = SecretFile(found.home, store.name).drop_old()
    terminal.tell(f"Forgot {text.counted(gone, 'older secret')} of {store.name}.")
    if store.webhook_secrets:
        terminal.say(
            "those in webhook_secrets of the settings still count until they are removed there"
        )
    return 0
