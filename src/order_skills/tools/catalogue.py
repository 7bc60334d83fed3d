"""Every tool there is, in the order in which agents see them."""

from typing import Any

from order_skills.principals import Scope
from order_skills.settings import Settings
from order_skills.stores.base import Store
from order_skills.tools.cancelling import CANCEL_ORDER
from order_skills.tools.changes import LINK_ORDER, UPDATE_ORDER_STATUS
from order_skills.tools.declare import Effect, ToolSpec
from order_skills.tools.downloads import GET_RECEIPT, RESEND_DOWNLOAD
from order_skills.tools.events import RECENT_EVENTS
from order_skills.tools.imports import IMPORT_ORDER
from order_skills.tools.reading import GET_ORDER, LIST_ORDERS
from order_skills.tools.refunds import CHECK_REFUND, GET_REFUND, REFUND_ORDER
from order_skills.tools.sales import RECORD_ORDER
from order_skills.tools.support import ORDER_REPORT, WRONG_SIZE_PLAYBOOK
from order_skills.tools.webhooks import CREATE_WEBHOOK, DELETE_WEBHOOK, LIST_WEBHOOKS

CATALOGUE: tuple[ToolSpec[Any], ...] = (
    LIST_ORDERS,
    GET_ORDER,
    CHECK_REFUND,
    REFUND_ORDER,
    CANCEL_ORDER,
    GET_REFUND,
    RESEND_DOWNLOAD,
    WRONG_SIZE_PLAYBOOK,
    GET_RECEIPT,
    ORDER_REPORT,
    UPDATE_ORDER_STATUS,
    IMPORT_ORDER,
    LINK_ORDER,
    RECORD_ORDER,
    RECENT_EVENTS,
    LIST_WEBHOOKS,
    CREATE_WEBHOOK,
    DELETE_WEBHOOK,
)


_OF_WEBHOOKS = frozenset((LIST_WEBHOOKS.name, CREATE_WEBHOOK.name, DELETE_WEBHOOK.name))
_SCOPES = {
    Effect.READS: Scope.ORDERS_READ,
    Effect.CHANGES: Scope.ORDERS_WRITE,
    Effect.MOVES_MONEY: Scope.REFUNDS_WRITE,
}


def scope_of(spec: ToolSpec[Any]) -> Scope:
    """What a sign-in must hold to call this tool."""
    return Scope.WEBHOOKS_WRITE if spec.name in _OF_WEBHOOKS else _SCOPES[spec.effect]


# Of every tool there is, also of those that are not listed: what is hidden is refused.
SCOPES = {spec.name: scope_of(spec) for spec in CATALOGUE}


def listed(
    settings: Settings,
    stores: tuple[Store, ...],
    scopes: frozenset[Scope] = frozenset(Scope),
) -> tuple[ToolSpec[Any], ...]:
    """The tools that these stores, this mode and this sign-in allow."""
    return tuple(
        spec
        for spec in CATALOGUE
        if any(spec.needs(store.capabilities) for store in stores)
        and (spec.effect is Effect.READS or not settings.read_only)
        and spec.wanted(settings)
        and SCOPES[spec.name] in scopes
    )
