"""The steps that write, within a transaction: guarded by what was read, told by an event."""
# ruff: noqa: S608 -- statements are put together from constants of our own; values are parameters

from collections.abc import Collection, Mapping

from order_skills.refunds import ledger_queries as queries
from order_skills.refunds.intents import Intent, Limits, State, allowed
from order_skills.refunds.ledger import Busy, Change, Frozen, LedgerError, Lost, OverLimit, Stale
from order_skills.refunds.ledger_database import Transaction, Value
from order_skills.refunds.ledger_rows import COLUMNS, intent_from, packed, packed_evidence

TIMED_OUT = Change(who="clock", why="nobody approved or sent it in time")


def past(tx: Transaction, intent: Intent) -> bool:
    """Whether its time is over."""
    return intent.expires_at <= tx.now()


def insert(tx: Transaction, values: Mapping[str, Value], unless: str = "") -> bool:
    """Write a new intent down; False where its request or its id is taken.

    `unless`: the one column whose conflict is no error; every other one is `Taken`.
    """
    marks = ", ".join("?" * len(values))
    # Both databases: the one that comes second inserts nothing, and may read what the first wrote.
    rows = tx.rows(
        f"INSERT INTO refund_intent ({', '.join(values)}) VALUES ({marks})"
        f" ON CONFLICT {unless} DO NOTHING RETURNING number",
        values.values(),
    )
    if rows:
        tx.rows(
            "INSERT INTO refund_account (account) VALUES (?) ON CONFLICT DO NOTHING",
            (values["account"],),
        )
    return bool(rows)


def update(tx: Transaction, before: Intent, **values: Value) -> Intent:
    """Change fields of an intent that is still as it was read.

    Raises:
        LedgerError: it is not, although its row was held: the transaction must not go on.
    """
    rows = tx.rows(
        f"UPDATE refund_intent SET {', '.join(f'{name} = ?' for name in values)}"
        f" WHERE refund_id = ? AND state = ? AND epoch = ? RETURNING {COLUMNS}",
        (*values.values(), before.refund_id, before.state.value, before.epoch),
    )
    if not rows:
        raise LedgerError("the refund changed under a held row; nothing was written")
    return intent_from(rows[0])


def step(tx: Transaction, before: Intent, after: State, change: Change, **more: Value) -> Intent:
    """One move and its event. The caller asked the table first; it is asked again here."""
    if not allowed(before.state, after):
        raise LedgerError(f"there is no move from {before.state} to {after}")
    told: dict[str, Value] = {
        "code": change.code,
        "store_refund_id": change.store_refund_id,
        "processor_id": change.processor_id,
        "settlement": change.settlement,
        "alarm": change.alarm,
    }
    kept = {name: value for name, value in told.items() if value is not None}
    moved = update(tx, before, state=after.value, why=change.why, **kept, **more)
    note(tx, moved, before.state, change)
    return moved


def note(tx: Transaction, after: Intent, before: State | None, change: Change) -> None:
    """One line of the history; its number proves the transaction."""
    rows = tx.rows(
        "INSERT INTO refund_event (refund_id, at, who, state_before, state_after, why, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING event_id",
        (
            after.refund_id,
            tx.now(),
            change.who,
            None if before is None else before.value,
            after.state.value,
            change.why,
            packed_evidence(change.evidence),
        ),
    )
    tx.proof(rows[0][0])


def ready(tx: Transaction, refund_id: str, must_be_approved: bool) -> Intent | Lost:
    """The intent, held together with the freeze and the account's budget, if it may be claimed."""
    found = queries.intent(tx, refund_id)
    if found is None:
        raise LedgerError("there is no such refund in this ledger")
    tx.share_freeze()
    tx.own_budget(found.account)
    # Read again: whoever held the budget before us may have moved it.
    found = queries.intent(tx, refund_id, held=True) or found
    if found.state is State.PREPARED and past(tx, found):
        return Lost(step(tx, found, State.EXPIRED, TIMED_OUT))
    if found.state is not State.PREPARED or (must_be_approved and found.approved_at is None):
        return Lost(found)
    return found


def forbidden(
    tx: Transaction, intent: Intent, limits: Limits, history: Collection[Intent] | None
) -> Frozen | Busy | Stale | OverLimit | None:
    """What stands against sending it now."""
    frozen = queries.frozen(tx)
    if frozen is not None:
        return frozen
    other = queries.active(tx, intent.account, intent.request.order_id)
    if other is not None:
        return Busy(other)
    if history is not None:
        now = queries.of_order(tx, intent.account, intent.request.order_id)
        if _claimed_ones(now) != _claimed_ones(history):
            return Stale(now)
    return _over(tx, intent, limits)


def _claimed_ones(intents: Collection[Intent]) -> frozenset[tuple[str, State]]:
    # Only what was ever claimed can have moved money; others come and go without harm.
    return frozenset((intent.refund_id, intent.state) for intent in intents if intent.epoch > 0)


def _over(tx: Transaction, intent: Intent, limits: Limits) -> OverLimit | None:
    spent, amount = queries.spent(tx, intent.account), intent.amount_minor
    would_be = {
        "max_refund_minor": (limits.max_refund_minor, amount),
        "daily_refund_minor": (limits.daily_refund_minor, spent.amount_minor + amount),
        "daily_refund_count": (limits.daily_refund_count, spent.count + 1),
    }
    for name, (limit, value) in would_be.items():
        if limit is not None and value > limit:
            return OverLimit(name, limit, spent)
    return None


def claim(
    tx: Transaction,
    intent: Intent,
    *,
    owner: str,
    baseline: tuple[str, ...],
    deadline: float,
    limits: Limits,
    must_be_approved: bool,
) -> Intent:
    """PREPARED to SENDING, told with the policy that let it pass."""
    policy: dict[str, str | int | None] = {
        "epoch": intent.epoch + 1,
        "amount_minor": intent.amount_minor,
        "currency": intent.currency,
        "approval_needed": int(must_be_approved),
        "max_refund_minor": limits.max_refund_minor,
        "daily_refund_minor": limits.daily_refund_minor,
        "daily_refund_count": limits.daily_refund_count,
    }
    return step(
        tx,
        intent,
        State.SENDING,
        Change(owner, "claimed, to be sent once", evidence=policy),
        epoch=intent.epoch + 1,
        owner=owner,
        baseline=packed(baseline),
        deadline=deadline,
        claimed_at=tx.now(),
    )


def asked(intent: Intent) -> Change:
    """How an intent enters its history: what would be moved, never the words of the reason."""
    return Change(intent.asked_by or "agent", "asked for", evidence=_amount(intent))


def approval(intent: Intent, by: str) -> Change:
    """How an approval is told: who, and for how much."""
    return Change(by, "approved", evidence=_amount(intent))


def _amount(intent: Intent) -> dict[str, str | int | None]:
    return {"amount_minor": intent.amount_minor, "currency": intent.currency}
