"""What PayNow's documents leave open, as options of the dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_CHOICES: dict[str, tuple[Any, ...]] = {
    "shape": ("full", "short"),
    "paging": ("position", "id"),
    "no_refunds": ("list", "null"),
    "refund_ends": ("completed", "failed", "canceled"),
    "after_line": ("keep", "refunded"),
    "whole_after_line": ("refuse", "rest"),
    "gate_failure": ("400", "409"),
    "email_case": ("ignore", "exact"),
    "files": ("one", "several", "pending", "none"),
}


@dataclass(frozen=True)
class Options:
    """What the documents leave open, so that a client can be tried against each reading.

    shape: whether an order carries `lines` and `customer`, as the published specification
        demands, or not, as the page of the documentation shows it.
    paging: what `after` and `before` mean: the position in the answer's own order, or the size
        of the id whatever the order is.
    no_refunds: what a payment without refunds says in `refunds`.
    refund_ends: how a refund ends.
    after_line: the order's status after a line was refunded.
    whole_after_line: whether the rest can be refunded at once after a line was.
    gate_failure: the HTTP status for an order or a line that cannot be refunded.
    email_case: whether the filter by billing e-mail minds upper and lower case.
    files: how many files a digital product has; `pending`: one that was never uploaded.
    """

    shape: str = "full"
    paging: str = "position"
    no_refunds: str = "list"
    refund_ends: str = "completed"
    after_line: str = "keep"
    whole_after_line: str = "refuse"
    gate_failure: str = "400"
    email_case: str = "ignore"
    files: str = "one"

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) not in _CHOICES[each.name]:
                words = ", ".join(_CHOICES[each.name])
                raise ValueError(f"option {each.name}: must be one of {words}")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> "Options":
        """Options from a plain dict; an unknown name is refused."""
        unknown = sorted(set(given or {}) - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"option {unknown[0]}: is not known")
        return cls(**(given or {}))
