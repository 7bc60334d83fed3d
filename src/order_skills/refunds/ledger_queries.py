"""What is read from a ledger, one query each, within a transaction of either database.

Conditions that name states come from `schema`, word for word: a partial index serves only a
query that repeats its condition.
"""
# ruff: noqa: S608 -- queries are put together from constants of our own; values are parameters

from collections.abc import Collection, Iterable

from order_skills.refunds.intents import ACTIVE, Event, Intent, Spent, State
from order_skills.refunds.ledger import Frozen
from order_skills.refunds.ledger_database import Transaction, Value
from order_skills.refunds.ledger_rows import COLUMNS, EVENT_COLUMNS, event_from, intent_from
from order_skills.refunds.schema import ACTIVE_STATES, COUNTED_STATES, TO_SEND, WAITING

# The window of the daily limits, as the contract says it: any 24 hours.
SPENT_WINDOW_SECONDS = 24 * 3600.0
# Both databases bound the parameters of one statement; old SQLite at 999.
_IDS_PER_QUERY = 500


def _marks(values: Collection[object]) -> str:
    # Nothing is in (NULL); PostgreSQL has no empty list.
    return ", ".join("?" * len(values)) or "NULL"


def _intents(tx: Transaction, condition: str, values: Iterable[Value]) -> tuple[Intent, ...]:
    rows = tx.rows(f"SELECT {COLUMNS} FROM refund_intent WHERE {condition}", values)
    return tuple(intent_from(row) for row in rows)


def intent(tx: Transaction, refund_id: str, *, held: bool = False) -> Intent | None:
    """The intent; `held`: to be changed in this transaction."""
    condition = "refund_id = ?" + (tx.hold if held else "")
    return next(iter(_intents(tx, condition, (refund_id,))), None)


def live(tx: Transaction, fingerprint: str, *, held: bool = False) -> Intent | None:
    """The intent that answers for a request; `held`: to be changed in this transaction."""
    condition = "fingerprint = ? AND superseded = 0" + (tx.hold if held else "")
    return next(iter(_intents(tx, condition, (fingerprint,))), None)


def active(tx: Transaction, account: str, order_id: str) -> Intent | None:
    """The intent of the order that is being sent or in doubt."""
    condition = f"account = ? AND order_id = ? AND {ACTIVE_STATES}"
    return next(iter(_intents(tx, condition, (account, order_id))), None)


def known(tx: Transaction, account: str, refund_ids: Collection[str]) -> frozenset[str]:
    """Which of these ids are intents of the account."""
    asked, found = sorted(refund_ids), set[str]()
    for start in range(0, len(asked), _IDS_PER_QUERY):
        part = asked[start : start + _IDS_PER_QUERY]
        # Of which account is asked here: with it in the condition, SQLite walks the whole account.
        condition = f"refund_id IN ({_marks(part)})"
        rows = tx.rows(f"SELECT refund_id, account FROM refund_intent WHERE {condition}", part)
        found.update(row[0] for row in rows if row[1] == account)
    return frozenset(found)


def of_order(tx: Transaction, account: str, order_id: str) -> tuple[Intent, ...]:
    """All intents of an order, oldest first."""
    return _intents(tx, "account = ? AND order_id = ? ORDER BY number", (account, order_id))


def newest(
    tx: Transaction,
    accounts: Collection[str] | None,
    states: Collection[State] | None,
    limit: int | None,
) -> tuple[Intent, ...]:
    """Intents, newest first.

    One bounded walk along an index per account and state, then the newest of all: a limit of 20
    reads a few rows of each, however many intents there are and however rare the state is.
    """
    if accounts is None:
        accounts = [row[0] for row in tx.rows("SELECT account FROM refund_account")]
    pairs = [(a, s.value) for a in sorted(set(accounts)) for s in states or tuple(State)]
    if states is not None and not states:
        pairs = []
    walks: list[str] = []
    values: list[Value] = []
    for account, state in pairs:
        walk = f"SELECT number, {COLUMNS} FROM refund_intent WHERE account = ? AND state = ?"
        values += [account, state]
        if limit is not None:
            walk += " ORDER BY number DESC LIMIT ?"
            values.append(max(limit, 0))
        walks.append(f"SELECT * FROM ({walk}) AS walk{len(walks)}")
    if not walks:
        return ()
    rows = tx.rows(" UNION ALL ".join(walks) + " ORDER BY number DESC", values)
    return tuple(intent_from(row[1:]) for row in rows[: None if limit is None else max(limit, 0)])


def to_send(tx: Transaction, accounts: Collection[str]) -> tuple[Intent, ...]:
    """Approved and unexpired intents that wait for a live process, oldest first."""
    condition = f"account IN ({_marks(accounts)}) AND {TO_SEND} AND expires_at > ? ORDER BY number"
    return _intents(tx, condition, (*accounts, tx.now()))


def sending(tx: Transaction, accounts: Collection[str]) -> tuple[Intent, ...]:
    """Intents that were claimed and have no outcome yet."""
    condition = f"account IN ({_marks(accounts)}) AND state = ? ORDER BY number"
    return _intents(tx, condition, (*accounts, State.SENDING.value))


def in_doubt(tx: Transaction, accounts: Collection[str]) -> tuple[Intent, ...]:
    """Intents to be settled by reading back or by a person, oldest first."""
    doubt = sorted(state.value for state in ACTIVE - {State.SENDING})
    condition = f"account IN ({_marks(accounts)}) AND state IN ({_marks(doubt)}) ORDER BY number"
    return _intents(tx, condition, (*accounts, *doubt))


def expired(tx: Transaction, at_most: int) -> tuple[Intent, ...]:
    """PREPARED intents past their time, held; in one order, so that two sweeps never deadlock."""
    condition = f"{WAITING} AND expires_at <= ? ORDER BY expires_at, number LIMIT ?{tx.hold}"
    return _intents(tx, condition, (tx.now(), at_most))


def spent(tx: Transaction, account: str) -> Spent:
    """What counts against the account's limits of the last 24 hours.

    A time in the future counts too: a clock that was set back must not open the limits.
    """
    rows = tx.rows(
        "SELECT COALESCE(SUM(amount_minor), 0), COUNT(*) FROM refund_intent"
        f" WHERE account = ? AND claimed_at > ? AND {COUNTED_STATES}",
        (account, tx.now() - SPENT_WINDOW_SECONDS),
    )
    amount, count = rows[0]
    return Spent(int(amount), count)


def frozen(tx: Transaction) -> Frozen | None:
    """The stop that is in force."""
    rows = tx.rows(
        "SELECT frozen_by, frozen_at FROM refund_freeze WHERE lifted_at IS NULL ORDER BY number"
    )
    return Frozen(by=rows[0][0], at=rows[0][1]) if rows else None


def history(tx: Transaction, refund_id: str) -> tuple[Event, ...]:
    """The events of an intent, oldest first."""
    rows = tx.rows(
        f"SELECT {EVENT_COLUMNS} FROM refund_event WHERE refund_id = ? ORDER BY event_id",
        (refund_id,),
    )
    return tuple(event_from(row) for row in rows)


def untold(tx: Transaction) -> int:
    """How many intents are in another state than their last event says: none, or rows were lost."""
    rows = tx.rows(
        "SELECT COUNT(*) FROM refund_intent WHERE state <> COALESCE((SELECT state_after"
        " FROM refund_event WHERE refund_event.refund_id = refund_intent.refund_id"
        " ORDER BY event_id DESC LIMIT 1), '')"
    )
    return int(rows[0][0])
