"""PURE: stores that refund one whole line, or the whole order, and nothing in between.

A request for anything else is refused with what is possible, and never widened to it.
"""

from order_skills.errors import Code
from order_skills.orders import Item
from order_skills.refunds.amounts import UNDONE
from order_skills.refunds.case import Case
from order_skills.refunds.intents import COUNTED
from order_skills.stores.base import Capabilities


def check(case: Case, capabilities: Capabilities) -> None:
    """Blocks what the platform has no call for."""
    request, title = case.request, capabilities.title
    if request.amount_minor is not None:
        _refuse(case, f"{title} refunds one whole line or the whole order, never an amount")
    elif request.quantity is not None:
        _refuse(case, f"{title} refunds a line with all its pieces, never some of them")
    elif request.item_ids is not None and len(request.item_ids) != 1:
        _refuse(case, f"{title} refunds one line at a time")
    elif request.item_ids is not None:
        _line_is_there(case, request.item_ids[0])
    elif _given_back(case):
        _refuse(case, f"{title} refunds a whole order only before any line of it is refunded")


def _refuse(case: Case, problem: str) -> None:
    case.block(Code.NOT_SUPPORTED, problem, _possible(case))


def _line_is_there(case: Case, item_id: str) -> None:
    if item_id in _given_back(case) and all(b.code is not Code.NOTHING_LEFT for b in case.blockers):
        case.block(
            Code.NOTHING_LEFT,
            f"item {item_id} of order {case.order.order_id} is refunded already",
            f"{case.check} shows what is left of the order",
        )


def _given_back(case: Case) -> frozenset[str | None]:
    """The lines that were refunded, in the store or by us; None stands for the whole order."""
    ours = {i for h in case.history if h.state in COUNTED for i in h.request.item_ids or (None,)}
    return frozenset(ours | {r.item_id for r in case.order.refunds or () if r.status not in UNDONE})


def _possible(case: Case) -> str:
    """What can be asked for instead."""
    gone = _given_back(case)
    lines = [] if None in gone else [i for i in case.order.items or () if i.item_id not in gone]
    wanted = case.request.amount_minor
    lines.sort(key=lambda item: item.total_minor != wanted)
    named = ", ".join(_named(case, item) for item in lines[:5])
    whole = "" if gone else "full=true, or "
    if not lines:
        return f"ask the owner: {case.look} shows the order, and no line of it is left to refund"
    return f"with the person's consent {whole}item_ids with one of: {named}"


def _named(case: Case, item: Item) -> str:
    shown = "no total" if item.total_minor is None else case.shown(item.total_minor)
    return f"{item.item_id} ({shown})"
