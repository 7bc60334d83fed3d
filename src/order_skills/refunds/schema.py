"""The tables of both ledgers, as a list of migrations: version n is the first n of them applied.

A migration that was released is never edited: a new one is added behind it. The lists of states
are spelled out here, and not taken from `intents`, because they are part of what lies on disk;
a test holds the two together. The queries must repeat the same words, or neither database would
use its partial indexes for them.

Processes of two versions work on one ledger while a service is upgraded. So a ledger says two
numbers: how many migrations were `applied`, and how many a process must know to work on it. A
migration that only adds (a table, an index, a column with a default or without a value) leaves the
second number as it is; one that changes what a row means, or what a process must do, raises it to
itself, and then older processes are refused. See `SQLITE_NEEDS` and `POSTGRES_NEEDS`.

    refund_intent   one row per intent; `number` is the order in which they were written down
    refund_event    one row per move, append-only by trigger
    refund_freeze   the owner's stops; the one that was not lifted is in force
    webhook_event   one row per verified webhook; old ones are deleted
    refund_account  one row per account; PostgreSQL locks it while it reserves budget
    refund_owner    heartbeats (PostgreSQL); on SQLite an owner is alive while it holds a file lock
    refund_ledger   how many migrations were applied
    refund_move     on SQLite: this ledger was moved away, and takes nothing any more;
                    on PostgreSQL: the moves to it; those with a time have arrived
    spent_state     answers of people's forms that were counted; old ones are deleted
"""

from collections.abc import Mapping

# "OSLr": says to every tool that a file is our ledger, and to us that it is nobody else's.
APPLICATION_ID = 0x4F534C72

ACTIVE_STATES = "state IN ('NEEDS_HUMAN', 'SENDING', 'UNKNOWN')"
COUNTED_STATES = "state IN ('NEEDS_HUMAN', 'SENDING', 'SUCCEEDED', 'UNKNOWN')"
WAITING = "state = 'PREPARED'"
TO_SEND = f"{WAITING} AND approved_at IS NOT NULL"

# {serial}, {whole} and {real} are the words in which the two databases differ. The CAST in the
# checks is for SQLite, whose columns would keep 24.5 in an INTEGER column as it is.
_TABLES_1 = (
    """
    CREATE TABLE refund_intent (
        number {serial},
        refund_id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        store TEXT NOT NULL,
        order_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        asked_minor {whole} CHECK (asked_minor = CAST(asked_minor AS {whole})),
        item_ids TEXT,
        quantity {whole},
        repeat_of TEXT,
        fingerprint TEXT NOT NULL,
        superseded {whole} NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),
        amount_minor {whole} NOT NULL
            CHECK (amount_minor >= 0 AND amount_minor = CAST(amount_minor AS {whole})),
        currency TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN (
            'PREPARED', 'SENDING', 'SUCCEEDED', 'REJECTED', 'NOT_SENT', 'DENIED', 'EXPIRED',
            'UNKNOWN', 'NEEDS_HUMAN', 'NOT_APPLIED')),
        created_at {real} NOT NULL,
        expires_at {real} NOT NULL,
        refunded_before_minor {whole} NOT NULL CHECK (
            refunded_before_minor >= 0
            AND refunded_before_minor = CAST(refunded_before_minor AS {whole})),
        needs_person TEXT NOT NULL,
        asked_by TEXT,
        approved_by TEXT,
        approved_at {real},
        claimed_at {real},
        epoch {whole} NOT NULL DEFAULT 0,
        owner TEXT,
        deadline {real},
        baseline TEXT NOT NULL,
        sent_at {real},
        checked_at {real},
        checks {whole} NOT NULL DEFAULT 0,
        store_refund_id TEXT,
        processor_id TEXT,
        settlement TEXT,
        code TEXT,
        why TEXT,
        alarm TEXT,
        CHECK (state NOT IN ('SENDING', 'UNKNOWN', 'NEEDS_HUMAN', 'NOT_APPLIED', 'REJECTED') OR (
            epoch > 0 AND owner IS NOT NULL AND claimed_at IS NOT NULL AND deadline IS NOT NULL))
    )
    """,
    """
    CREATE TABLE refund_event (
        event_id {serial},
        refund_id TEXT NOT NULL REFERENCES refund_intent (refund_id),
        at {real} NOT NULL,
        who TEXT NOT NULL,
        state_before TEXT,
        state_after TEXT NOT NULL,
        why TEXT NOT NULL,
        evidence TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE refund_freeze (
        number {serial},
        frozen_by TEXT NOT NULL,
        frozen_at {real} NOT NULL,
        lifted_by TEXT,
        lifted_at {real}
    )
    """,
    "CREATE TABLE refund_account (account TEXT PRIMARY KEY)",
    # The three locks of the design: see ledger.py.
    "CREATE UNIQUE INDEX one_request ON refund_intent (fingerprint) WHERE superseded = 0",
    f"CREATE UNIQUE INDEX one_active ON refund_intent (account, order_id) WHERE {ACTIVE_STATES}",
    "CREATE UNIQUE INDEX one_store_refund ON refund_intent (account, store_refund_id)"
    " WHERE store_refund_id IS NOT NULL",
    # The rest are for speed with a million intents; a test reads the query plans.
    "CREATE INDEX refund_by_order ON refund_intent (account, order_id, number)",
    "CREATE INDEX refund_by_state ON refund_intent (account, state, number)",
    f"CREATE INDEX refund_to_send ON refund_intent (account, number) WHERE {TO_SEND}",
    f"CREATE INDEX refund_to_expire ON refund_intent (expires_at) WHERE {WAITING}",
    "CREATE INDEX refund_counted ON refund_intent (account, claimed_at, amount_minor)"
    f" WHERE {COUNTED_STATES}",
    "CREATE INDEX refund_event_by_refund ON refund_event (refund_id, event_id)",
)

# A cancellation is an intent, too; what was written before is of refunds alone.
_TABLES_2 = (
    "ALTER TABLE refund_intent ADD COLUMN cancels {whole} NOT NULL DEFAULT 0"
    " CHECK (cancels IN (0, 1))",
    "ALTER TABLE refund_intent ADD COLUMN notify_customer {whole}"
    " CHECK (notify_customer IN (0, 1))",
    "ALTER TABLE refund_intent ADD COLUMN order_status TEXT",
)

# Webhooks lie beside the refunds: what makes one backup makes the other.
_TABLES_3 = (
    """
    CREATE TABLE webhook_event (
        number {serial},
        account TEXT NOT NULL,
        store TEXT NOT NULL,
        event_key TEXT NOT NULL,
        type TEXT NOT NULL,
        order_id TEXT,
        occurred_at TEXT,
        received_at {real} NOT NULL,
        UNIQUE (account, event_key)
    )
    """,
    "CREATE INDEX webhook_by_order ON webhook_event (account, order_id, number)",
    "CREATE INDEX webhook_by_time ON webhook_event (received_at)",
)

# An answer counts once, at whichever replica. A ledger that was moved is never used again.
_TABLES_4 = (
    "CREATE TABLE spent_state (digest TEXT PRIMARY KEY, expires_at {real} NOT NULL)",
    "CREATE INDEX spent_state_by_time ON spent_state (expires_at)",
    "CREATE TABLE refund_move (move_id TEXT PRIMARY KEY, moved_at {real})",
)

# Added to SQLite's user_version where a ledger was moved away: older versions refuse it, too.
MOVED_AWAY = 1_000_000
MOVED = "this ledger was moved to PostgreSQL: name that in ORDER_SKILLS_LEDGER"

_IF_MOVED = "WHEN EXISTS (SELECT 1 FROM refund_move) BEGIN SELECT RAISE(ABORT, '{why}'); END"

# Triggers, because they stop a process that has the file open since before it was moved, too.
_SQLITE_TRIGGERS_4 = tuple(
    f"CREATE TRIGGER {table}_moved_{deed.lower()} BEFORE {deed} ON {table} "
    + _IF_MOVED.format(why=MOVED)
    for table, deed in (
        ("refund_intent", "INSERT"),
        ("refund_intent", "UPDATE"),
        ("refund_event", "INSERT"),
        ("refund_freeze", "INSERT"),
        ("refund_freeze", "UPDATE"),
        ("webhook_event", "INSERT"),
        ("spent_state", "INSERT"),
    )
)

_SQLITE_TRIGGERS_1 = tuple(
    f"CREATE TRIGGER {name} BEFORE {deed} BEGIN SELECT RAISE(ABORT, '{words}'); END"
    for name, deed, words in (
        ("refund_event_kept", "UPDATE ON refund_event", "events are append-only"),
        ("refund_event_stays", "DELETE ON refund_event", "events are append-only"),
        ("refund_intent_stays", "DELETE ON refund_intent", "intents are never deleted"),
    )
)

_POSTGRES_TRIGGERS_1 = (
    """
    CREATE FUNCTION refund_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the ledger keeps what it has'; END $$
    """,
    "CREATE TRIGGER refund_event_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_event"
    " FOR EACH STATEMENT EXECUTE FUNCTION refund_refuse()",
    "CREATE TRIGGER refund_intent_stays BEFORE DELETE OR TRUNCATE ON refund_intent"
    " FOR EACH STATEMENT EXECUTE FUNCTION refund_refuse()",
    "CREATE TABLE refund_owner (owner TEXT PRIMARY KEY, seen_at DOUBLE PRECISION NOT NULL)",
)


_SQLITE_WORDS = {
    # AUTOINCREMENT, because an event's number must never be given twice.
    "{serial}": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "{whole}": "INTEGER",
    "{real}": "REAL",
}
_POSTGRES_WORDS = {
    "{serial}": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "{whole}": "BIGINT",
    "{real}": "DOUBLE PRECISION",
}


def _in_words(statements: tuple[str, ...], words: Mapping[str, str]) -> list[str]:
    written = []
    for statement in statements:
        for name, word in words.items():
            statement = statement.replace(name, word)  # noqa: PLW2901 -- three words, one text
        written.append(statement.strip())
    return written


SQLITE_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*_in_words(_TABLES_1, _SQLITE_WORDS), *_SQLITE_TRIGGERS_1),
    tuple(_in_words(_TABLES_2, _SQLITE_WORDS)),
    tuple(_in_words(_TABLES_3, _SQLITE_WORDS)),
    (
        "CREATE TABLE refund_ledger (applied INTEGER NOT NULL)",
        "INSERT INTO refund_ledger (applied) VALUES (0)",
        *_in_words(_TABLES_4, _SQLITE_WORDS),
        *_SQLITE_TRIGGERS_4,
    ),
)

POSTGRES_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*_in_words(_TABLES_1, _POSTGRES_WORDS), *_POSTGRES_TRIGGERS_1),
    tuple(_in_words(_TABLES_2, _POSTGRES_WORDS)),
    tuple(_in_words(_TABLES_3, _POSTGRES_WORDS)),
    (
        "ALTER TABLE refund_ledger ADD COLUMN applied BIGINT",
        *_in_words(_TABLES_4, _POSTGRES_WORDS),
    ),
)

# From the first migration on: what a process must know where so many are applied. It is kept in
# SQLite's user_version and in PostgreSQL's refund_ledger.version, which older versions read.
# SQLite went to 4 because versions before it compare every word of the schema.
SQLITE_NEEDS = (1, 2, 3, 4)
POSTGRES_NEEDS = (1, 2, 3, 3)
# Before it, `applied` was not written down, and is what a process must know.
APPLIED_SINCE = 4

# What must exist in PostgreSQL for the promises to hold; SQLite compares every word instead.
POSTGRES_INDEXES = frozenset({"one_request", "one_active", "one_store_refund"})
POSTGRES_TRIGGERS = frozenset({"refund_event_kept", "refund_intent_stays"})
