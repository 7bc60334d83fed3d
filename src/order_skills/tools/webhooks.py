"""list_webhooks, create_webhook and delete_webhook: where the store sends its events.

They exist only where the owner named hosts for it, and each change needs a person: an endpoint
is a way out for what customers bought, and it stays open when the conversation is over.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from order_skills import text
from order_skills.answers import Answer
from order_skills.errors import Code, Happened, Refusal, StoreError, invalid
from order_skills.settings import StoreSettings
from order_skills.stores.base import Webhook
from order_skills.tools import arguments, webhook_consent
from order_skills.tools.arguments import AnyId, Arguments
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.webhook_consent import Question
from order_skills.webhooks import endpoints, registering
from order_skills.webhooks.endpoints import BadAddress, Endpoint
from order_skills.webhooks.secret_file import SecretFile


class WebhookRow(Answer):
    """An endpoint. Of one at another host the address may be a secret, so it is left out."""

    webhook_id: str
    host: str
    url: str | None = None
    events: list[str]
    active: bool | None = None
    allowed: bool


class ListWebhooksArguments(Arguments):
    """What list_webhooks takes."""


class ListWebhooksAnswer(Answer):
    """What list_webhooks answers."""

    webhooks: list[WebhookRow]
    allowed_hosts: list[str]


async def list_webhooks(call: ToolCall, given: ListWebhooksArguments) -> ListWebhooksAnswer:
    """The endpoints that the store has, and the hosts at which more may be."""
    hosts = _setup(call).webhook_hosts
    found = await call.store.list_webhooks()
    return ListWebhooksAnswer(
        webhooks=[_row(webhook, hosts) for webhook in found], allowed_hosts=sorted(hosts)
    )


def _row(webhook: Webhook, hosts: Sequence[str]) -> WebhookRow:
    allowed = endpoints.not_ours(webhook.url, hosts) is None
    return WebhookRow(
        webhook_id=text.clean(webhook.webhook_id, 128),
        host=endpoints.host_of(webhook.url),
        url=webhook.url if allowed else None,
        events=[text.clean(event, endpoints.EVENT_CAP) for event in webhook.events],
        active=webhook.active,
        allowed=allowed,
    )


class WebhookChangeAnswer(Answer):
    """How it ended: created, already_there, deleted or not_approved."""

    outcome: str
    webhook_id: str | None = None
    host: str
    events: list[str]
    message: str
    next: str | None = None


class CreateWebhookArguments(Arguments):
    """What create_webhook takes."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=endpoints.URL_CAP,
            description="https://HOST/webhooks/STORE, at an allowed host",
        ),
    ]
    # Read in code: which words there are is the store's to say.
    events: Annotated[list[str], Field(min_length=1, max_length=20, description="What to send")]


async def create_webhook(call: ToolCall, given: CreateWebhookArguments) -> WebhookChangeAnswer:
    """Register an endpoint after a person typed its host, or say that it is there already."""
    setup, platform = _setup(call), call.store.capabilities.platform
    endpoint = _endpoint(given, setup, platform)
    file = SecretFile(call.workspace.settings.home, setup.name)
    shared = registering.shared_secret(call.workspace.settings, setup)
    present = await call.store.list_webhooks()
    if (same := registering.there(endpoint, present, file, shared)) is not None:
        return _created("already_there", call, endpoint, same)
    question = Question(
        about=("create", setup.name, endpoint.url, *endpoint.events),
        asked=endpoints.TO_REGISTER,
        shown=endpoints.to_register(setup.name, platform, endpoint, present),
        typed=endpoint.host,
        command=f"order-skills webhooks add URL --events {','.join(endpoint.events)}{_which(call)}",
    )
    if not await webhook_consent.given(call, question):
        return _not_approved(endpoint.host, endpoint.events, question)
    try:
        made = await registering.register(call.store, endpoint, file, shared)
    except StoreError as error:
        raise _told(call, error, "has the new webhook") from None
    return _created("created", call, endpoint, made)


def _endpoint(given: CreateWebhookArguments, setup: StoreSettings, platform: str) -> Endpoint:
    words = endpoints.words(platform)
    if not set(given.events) <= set(words):
        problem = f"must be of: {', '.join(words)}"
        raise arguments.refused("events", problem, type(given), "create_webhook")
    try:
        return endpoints.checked(given.url, setup.webhook_hosts, given.events)
    except BadAddress as bad:
        raise arguments.refused("url", str(bad), type(given), "create_webhook") from None


def _created(
    outcome: str, call: ToolCall, endpoint: Endpoint, webhook: Webhook
) -> WebhookChangeAnswer:
    title = call.store.capabilities.title
    again = "" if outcome == "created" else "It was there before; nothing was sent. "
    return WebhookChangeAnswer(
        outcome=outcome,
        webhook_id=text.clean(webhook.webhook_id, 128),
        host=endpoint.host,
        events=list(endpoint.events),
        message=f"{again}{title} sends these events to {endpoint.host}, signed with a secret "
        "that is kept for the receiver",
        next="recent_events shows what arrived, once an order changes",
    )


class DeleteWebhookArguments(Arguments):
    """What delete_webhook takes."""

    webhook_id: Annotated[AnyId, Field(description="From list_webhooks")]


async def delete_webhook(call: ToolCall, given: DeleteWebhookArguments) -> WebhookChangeAnswer:
    """Remove an endpoint after a person typed its host."""
    setup, platform = _setup(call), call.store.capabilities.platform
    present = await call.store.list_webhooks()
    webhook = next((w for w in present if w.webhook_id == given.webhook_id), None)
    if webhook is None:
        problem = "names no webhook that the store has"
        raise invalid("webhook_id", problem, "list_webhooks() shows those that are there")
    host, events = endpoints.host_of(webhook.url), _row(webhook, ()).events
    question = Question(
        about=("delete", setup.name, webhook.webhook_id, webhook.url),
        asked=endpoints.TO_REMOVE,
        shown=endpoints.to_remove(setup.name, platform, webhook, setup.webhook_hosts),
        typed=endpoints.what_to_type(webhook),
        command=f"order-skills webhooks remove {given.webhook_id}{_which(call)}",
    )
    if not await webhook_consent.given(call, question):
        return _not_approved(host, events, question)
    file = SecretFile(call.workspace.settings.home, setup.name)
    try:
        await registering.remove(call.store, webhook, present, file)
    except StoreError as error:
        raise _told(call, error, "still has the webhook") from None
    return WebhookChangeAnswer(
        outcome="deleted",
        webhook_id=given.webhook_id,
        host=host,
        events=events,
        message=f"{call.store.capabilities.title} sends nothing to this webhook any more",
    )


# --- what the three share -------------------------------------------------------------------


def _setup(call: ToolCall) -> StoreSettings:
    found = next((s for s in call.workspace.settings.stores if s.name == call.store.name), None)
    if found is None or not found.webhook_hosts:
        raise Refusal(
            Code.NOT_SUPPORTED,
            "the owner has allowed no webhook changes for this store",
            "tell the person: webhook_hosts in the store's settings names the allowed hosts",
        )
    return found


def _which(call: ToolCall) -> str:
    return f" --store {call.store.name}" if len(call.workspace.stores) > 1 else ""


def _not_approved(host: str, events: Sequence[str], question: Question) -> WebhookChangeAnswer:
    return WebhookChangeAnswer(
        outcome="not_approved",
        host=host,
        events=list(events),
        message="No person approved it; nothing was sent",
        next=f"tell the person; it can also be done in a terminal with `{question.command}`",
    )


def _told(call: ToolCall, error: StoreError, what: str) -> StoreError:
    """A failed change in words that are about webhooks; whether it happened stays as it was."""
    title, message, step = call.store.capabilities.title, error.message, error.next_step
    if error.happened is Happened.UNKNOWN:
        message = f"{message}; whether {title} {what} is not known"
        step = "ask list_webhooks() what is there and tell the person; do not repeat it before"
    elif error.code is Code.STORE_REJECTED:
        step = "list_webhooks() shows what is there; tell the person that the store refused it"
    return StoreError(error.code, message, step, happened=error.happened, status=error.status)


LIST_WEBHOOKS = ToolSpec(
    name="list_webhooks",
    title="List webhooks",
    description=(
        "List where the store sends its events, and the hosts at which the owner allows more. "
        "recent_events lists what arrived."
    ),
    arguments=ListWebhooksArguments,
    answer=ListWebhooksAnswer,
    run=list_webhooks,
    rest={"webhooks": "the person sees all with `order-skills webhooks list`"},
)
CREATE_WEBHOOK = ToolSpec(
    name="create_webhook",
    title="Create a webhook",
    description=(
        "Have the store send events, with orders' ids, totals and items, to an address. A person "
        "approves it first; you cannot. What is there already is not made twice."
    ),
    arguments=CreateWebhookArguments,
    answer=WebhookChangeAnswer,
    run=create_webhook,
    choices=lambda store: {"events": endpoints.words(store.platform)},
)
DELETE_WEBHOOK = ToolSpec(
    name="delete_webhook",
    title="Delete a webhook",
    description=(
        "Stop the events to a webhook of list_webhooks. A person approves it first; you cannot."
    ),
    arguments=DeleteWebhookArguments,
    answer=WebhookChangeAnswer,
    run=delete_webhook,
)
