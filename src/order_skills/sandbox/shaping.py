"""Faults of an answer's content: the store answers, but what it says is not the truth."""

import copy
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from order_skills.sandbox.bodies import REASONS
from order_skills.sandbox.faults import Fault
from order_skills.sandbox.shop import Shop

if TYPE_CHECKING:
    from order_skills.sandbox.gate import Dialect


def stale_view(shapes: Sequence[Fault], method: str, shop: Shop) -> Shop | None:
    """The past that a stale read answers from; None: the present."""
    stale = next((fault for fault in shapes if fault.kind == "stale_reads"), None)
    return shop.before(stale["n"]) if stale and method == "GET" else None


def shaped(shapes: Sequence[Fault], dialect: "Dialect", body: bytes) -> bytes | None:
    """The body as the faults bend it; None: as it is."""
    bending = [fault for fault in shapes if fault.kind != "stale_reads"]
    if not bending:
        return None
    try:
        payload = json.loads(body)
    except ValueError:
        return None
    for fault in bending:
        payload = _bent(fault, dialect, payload)
    return json.dumps(payload).encode()


def _bent(fault: Fault, dialect: "Dialect", payload: Any) -> Any:
    if fault.kind == "success_false":
        return json.loads(bytes(dialect.error_of(500).body))
    if fault.kind == "edit":
        return _edited(payload, fault["set"], fault["remove"])
    for refunds in dialect.refund_lists(payload):
        if fault.kind == "wrong_amount":
            held = refunds[-1][dialect.amount_key]
            amount = fault["amount_minor"]
            refunds[-1][dialect.amount_key] = held + fault["by"] if amount is None else amount
        else:
            for refund in refunds:
                _bend_reason(refund, fault["how"])
    return payload


def _bend_reason(refund: dict[str, Any], how: str) -> None:
    bent = REASONS[how](refund.pop("reason", ""))
    if bent is not None:
        refund["reason"] = bent


def _edited(payload: Any, replaced: dict[str, Any], removed: Sequence[str]) -> Any:
    """The payload with values put or taken away at dotted paths, such as data.order.items.0."""
    payload = copy.deepcopy(payload)
    for path, value in replaced.items():
        holder, last = _holder(payload, path)
        if holder is not None:
            holder[last] = value
    for path in removed:
        holder, last = _holder(payload, path)
        if isinstance(holder, dict):
            holder.pop(last, None)
        elif holder is not None:
            del holder[last]
    return payload


def _holder(payload: Any, path: str) -> tuple[Any, Any]:
    *way, last = path.split(".")
    for step in way:
        try:
            payload = payload[int(step) if isinstance(payload, list) else step]
        except (LookupError, TypeError, ValueError):
            # An answer of another shape (an error, say) is left as it is.
            return None, None
    return payload, int(last) if isinstance(payload, list) else last
