"""Registering and removing endpoints at a store: the secret is kept before the store has it."""

import logging
from collections.abc import Callable, Sequence

import anyio.to_thread

from order_skills.errors import AgentError, Code, Happened, Refusal, StoreError
from order_skills.http_call import is_path_id
from order_skills.settings import Settings
from order_skills.settings_stores import StoreSettings
from order_skills.settings_values import Secret
from order_skills.stores.base import Store, Webhook
from order_skills.stores.reading import bad_answer
from order_skills.webhooks.endpoints import Endpoint, host_of
from order_skills.webhooks.secret_file import Kept, SecretFile, new_secret

logger = logging.getLogger(__name__)


def shared_secret(settings: Settings, store: StoreSettings) -> Secret | None:
    """The secret that every replica has from its settings; None: there is one process.

    Raises:
        Refusal: several replicas, and none in their settings; a file would tell one of them alone.
    """
    if settings.http.replicas == 1:
        return None
    if not store.webhook_secrets:
        raise Refusal(
            Code.NOT_SUPPORTED,
            "several replicas verify events with the secrets in their settings, and there are none",
            "tell the owner: webhook_secrets in the store's settings holds the secret, which "
            "`order-skills webhooks secret` makes",
        )
    return store.webhook_secrets[0]


def there(
    endpoint: Endpoint,
    present: Sequence[Webhook],
    file: SecretFile,
    shared: Secret | None = None,
) -> Webhook | None:
    """The endpoint where the store has it already, signed with a secret that is kept here.

    Args:
        shared: the secret of the settings, with which every endpoint is signed then.

    Raises:
        Refusal: the secrets cannot be read.
    """
    if shared is None and all(kept.url != endpoint.url for kept in file.read()):
        return None
    return next(
        (
            webhook
            for webhook in present
            if webhook.url == endpoint.url
            and webhook.active is not False
            and set(endpoint.events) <= set(webhook.events)
        ),
        None,
    )


def has_usable_id(webhook: Webhook) -> bool:
    """Whether the store can be asked for it: its id, which may be any text, can be in a path."""
    return is_path_id(webhook.webhook_id)


async def register(
    store: Store, endpoint: Endpoint, file: SecretFile, shared: Secret | None = None
) -> Webhook:
    """Register an endpoint under a new secret, which is kept before anything is sent.

    Args:
        shared: the secret of the settings to register it under instead; nothing is kept then.

    Raises:
        Refusal: the secret could not be kept; nothing was sent.
        StoreError: its `happened` says whether the store may have the endpoint.
    """
    secret = shared or new_secret()
    if shared is None:
        await anyio.to_thread.run_sync(file.add, secret, endpoint.url)
    try:
        made = await store.create_webhook(endpoint.url, endpoint.events, secret.reveal())
    except AgentError as error:
        if not isinstance(error, StoreError) or error.happened is Happened.NO:
            await _tidied(file.drop, lambda kept: kept.secret == secret)
        raise
    if host_of(made.url) != endpoint.host:
        problem = "it names another address than the one asked for"
        raise bad_answer(store.capabilities.title, problem, Happened.UNKNOWN)
    if shared is None:
        await _tidied(file.belongs, secret, made.webhook_id)
    return made


async def remove(
    store: Store, webhook: Webhook, present: Sequence[Webhook], file: SecretFile
) -> None:
    """Remove an endpoint, and forget its secret unless another one at its address may use it.

    Raises:
        StoreError: its `happened` says whether the store may still have it.
    """
    await store.delete_webhook(webhook.webhook_id)
    shared = any(w.url == webhook.url and w.webhook_id != webhook.webhook_id for w in present)

    def was_its(kept: Kept) -> bool:
        return kept.webhook_id == webhook.webhook_id or (kept.url == webhook.url and not shared)

    await _tidied(file.drop, was_its)


async def _tidied(change: Callable[..., object], *values: object) -> None:
    """A change of the file without which everything works all the same."""
    try:
        await anyio.to_thread.run_sync(change, *values)
    except Refusal as error:
        logger.warning("the webhook secrets could not be tidied: %s", error)
