"""What is looked for among a store's orders, and what a list row already says against it."""

from dataclasses import dataclass
from datetime import datetime

from order_skills.orders import Order
from order_skills.stores.base import Query
from order_skills.tools.memory import Bought

# What a payment can turn out to be once the refunds of the order are read.
_BY_REFUNDS = ("partially_refunded", "refunded", "disputed")
# Of an order on which nothing was paid, nothing was paid back.
_UNPAID = ("pending", "failed")


@dataclass(frozen=True)
class Criteria:
    """What is looked for. Times are aware; `after` is inclusive, `before` exclusive."""

    status: str | None = None
    payment_status: str | None = None
    customer_email: str | None = None
    product: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    in_full: bool = False

    def only_by_status(self) -> bool:
        """Whether the store does all the work."""
        return self == Criteria(status=self.status)

    def query(self) -> Query:
        """What the store may filter by."""
        return Query(
            status=self.status,
            customer_email=self.customer_email,
            product=self.product,
            after=self.after,
            before=self.before,
        )

    def in_time(self, order: Order) -> bool:
        """Whether the order was created in the asked time."""
        if self.after is None and self.before is None:
            return True
        made = created(order)
        if self.after is not None and made < self.after:
            return False
        return self.before is None or made < self.before

    def needs_details(self, row: Order) -> bool:
        """Whether the row lacks what decides, or what the caller has to see of an order."""
        return self._allows(row) and (
            (self.in_full and (row.items is None or row.refunds is None))
            or (self.customer_email is not None and row.customer is None)
            or (self.product is not None and row.items is None)
            or (self.payment_status is not None and _money_is_derived(row))
        )

    def accepts(self, order: Order) -> bool:
        """Whether the order, as far as it was read, is one of those looked for."""
        return (
            self.in_time(order)
            and self.payment_status in (None, order.payment_status)
            and self.status in (None, order.status)
            and (not self._asks_what_was_bought() or self.wants(Bought.of(order)))
        )

    def wants(self, bought: Bought) -> bool:
        """Whether it is the customer and the product looked for."""
        return self._of_customer(bought) and self._with_product(bought)

    def _allows(self, row: Order) -> bool:
        """Whether nothing that the row says rules the order out: such a one is not read."""
        return (
            self.in_time(row)
            and self.status in (None, row.status)
            and self._payment_possible(row)
            and (row.customer is None or self._of_customer(Bought.of(row)))
            and (row.items is None or self._with_product(Bought.of(row)))
        )

    def _payment_possible(self, row: Order) -> bool:
        wanted, told = self.payment_status, row.payment_status
        if wanted in (None, told):
            return True
        if not _money_is_derived(row):
            return False
        return told == "unknown" or (wanted in _BY_REFUNDS and told not in _UNPAID)

    def _asks_what_was_bought(self) -> bool:
        return self.customer_email is not None or self.product is not None

    def _of_customer(self, bought: Bought) -> bool:
        wanted = self.customer_email
        return wanted is None or bought.email == wanted.strip().casefold()

    def _with_product(self, bought: Bought) -> bool:
        if self.product is None:
            return True
        part = self.product.strip().casefold()
        return any(self.product == item or part in name for item, name in bought.products)


def created(order: Order) -> datetime:
    """When the order was made."""
    return datetime.fromisoformat(order.created_at)


def _money_is_derived(row: Order) -> bool:
    """Whether the payment is read from the order's status, and refunds could change it."""
    return row.payment_status_source == "derived" and row.refunds is None
