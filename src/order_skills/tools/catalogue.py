"""Every tool there is, in the order in which agents see them."""

from typing import Any

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


def listed(settings: Settings, stores: tuple[Store, ...]) -> tuple[ToolSpec[Any], ...]:
    """The tools that these stores and this mode allow."""
    return tuple(
        spec
        for spec in CATALOGUE
        if any(spec.needs(store.capabilities) for store in stores)
        and (spec.effect is Effect.READS or not settings.read_only)
        and spec.wanted(settings)
    )
