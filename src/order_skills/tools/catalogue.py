"""Every tool there is, in the order in which agents see them."""

from order_skills.principals import Scope
from order_skills.settings import Settings
from order_skills.settings_home import secret_file
from order_skills.stores.base import Store
from order_skills.tools.entry import Effect, Entry


def _has_webhooks(settings: Settings) -> bool:
    """Whether a store has a secret to verify events with, or may get one while this runs."""
    return any(
        store.webhook_secrets
        or store.webhook_hosts
        or secret_file(settings.home, store.name).exists()
        for store in settings.stores
    )


def _manages_webhooks(settings: Settings) -> bool:
    """Whether the owner named hosts for a store whose webhooks are managed here."""
    stores = [store for store in settings.stores if store.webhook_hosts]
    if not stores:
        return False
    from order_skills.webhooks import endpoints

    return any(endpoints.words(store.platform) for store in stores)


CATALOGUE = (
    Entry("list_orders", "listing", Effect.READS),
    Entry("get_order", "reading", Effect.READS),
    Entry("check_refund", "refunds", Effect.READS, lambda store: store.refunds),
    Entry("refund_order", "refunds", Effect.MOVES_MONEY, lambda store: store.refunds),
    Entry("cancel_order", "cancelling", Effect.MOVES_MONEY, lambda store: store.cancel),
    Entry("get_refund", "refunds", Effect.READS, lambda store: store.moves_money),
    Entry("resend_download", "downloads", Effect.READS, lambda store: store.downloads),
    Entry("wrong_size_playbook", "support", Effect.READS, lambda store: store.variants),
    Entry("get_receipt", "downloads", Effect.READS, lambda store: store.receipts),
    Entry("order_report", "support", Effect.READS),
    Entry("update_order_status", "changes", Effect.CHANGES, lambda store: store.update_status),
    Entry("import_order", "imports", Effect.CHANGES, lambda store: store.imports),
    Entry("link_order", "changes", Effect.CHANGES, lambda store: store.links),
    Entry("record_order", "sales", Effect.CHANGES, lambda store: store.records),
    Entry("recent_events", "events", Effect.READS, wanted=_has_webhooks),
    *(
        Entry(name, "webhooks", effect, lambda store: store.webhooks, _manages_webhooks)
        for name, effect in (
            ("list_webhooks", Effect.READS),
            ("create_webhook", Effect.CHANGES),
            ("delete_webhook", Effect.CHANGES),
        )
    ),
)
NAMES = tuple(entry.name for entry in CATALOGUE)

_SCOPES = {
    Effect.READS: Scope.ORDERS_READ,
    Effect.CHANGES: Scope.ORDERS_WRITE,
    Effect.MOVES_MONEY: Scope.REFUNDS_WRITE,
}


def scope_of(entry: Entry) -> Scope:
    """What a sign-in must hold to call this tool."""
    return Scope.WEBHOOKS_WRITE if entry.family == "webhooks" else _SCOPES[entry.effect]


# Of every tool there is, also of those that are not listed: what is hidden is refused.
SCOPES = {entry.name: scope_of(entry) for entry in CATALOGUE}


def listed(
    settings: Settings,
    stores: tuple[Store, ...],
    scopes: frozenset[Scope] = frozenset(Scope),
) -> tuple[Entry, ...]:
    """The tools that these stores, this mode and this sign-in allow."""
    return tuple(
        entry
        for entry in CATALOGUE
        if any(entry.needs(store.capabilities) for store in stores)
        and (entry.effect is Effect.READS or not settings.read_only)
        and entry.wanted(settings)
        and SCOPES[entry.name] in scopes
    )


def load() -> None:
    """Load every tool that there is: for a service, whose files may be exchanged while it runs."""
    for entry in CATALOGUE:
        entry.spec()
