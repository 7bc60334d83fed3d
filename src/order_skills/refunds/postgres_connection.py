"""A connection to PostgreSQL as the ledger needs it, and its errors in words of our own.

Nothing that the driver or the server says is passed on: it could hold the DSN's password, or a
row of the table.
"""

from typing import Any

from order_skills.refunds.ledger import LedgerError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError:
    raise LedgerError("PostgreSQL needs more: pip install 'order-skills[postgres]'") from None

# To the server, and for a packet to be acknowledged: a tool must answer within 50 s.
_CONNECT_SECONDS = 5
_PACKET_MILLISECONDS = 10_000
# For one statement, and for another process's claim: each is a few milliseconds long.
_STATEMENT_MILLISECONDS = 10_000
_LOCK_MILLISECONDS = 5_000

_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    f" SET LOCAL statement_timeout = {_STATEMENT_MILLISECONDS};"
    f" SET LOCAL lock_timeout = {_LOCK_MILLISECONDS};"
    " SET LOCAL TIME ZONE 'UTC'"
)
# A server that answers before a commit is on its disk would forget a claim in a power cut.
_DURABLY = "; SET LOCAL synchronous_commit = on"

# By the start of the SQLSTATE: what is wrong, and the mend.
_READ_ONLY = "the PostgreSQL server is read-only; name the one that is written to"
_TOO_MANY = "PostgreSQL has too many connections; raise max_connections, then ask again"
_SIGN_IN = "PostgreSQL refused the user or the password in the DSN; correct it"
_LOST = "PostgreSQL cannot be reached, or the connection broke; check the server and the DSN"
_MEANINGS = {
    "08": _LOST,
    "25006": _READ_ONLY,
    "3D000": "the database in the DSN does not exist; create it",
    "53100": "the disk of the PostgreSQL server is full; make room and ask again",
    "53300": _TOO_MANY,
    "55P03": "another process holds the row for too long; ask again",
    "57014": "PostgreSQL did not answer in time; ask again",
    "42501": "the user in the DSN may not use the tables; grant it their schema",
    "28": _SIGN_IN,
    "40": "PostgreSQL undid the transaction; ask again",
    "57": "PostgreSQL is stopping or starting; ask again",
    "XX": "PostgreSQL says that its data is damaged; restore a backup",
}
# A refused connection has no SQLSTATE; these are of an English server, and only help the reader.
_PHRASES = {
    "too many clients": _TOO_MANY,
    "connection slots": _TOO_MANY,
    "authentication failed": _SIGN_IN,
}

Connection = psycopg.Connection[Any]
Failure = psycopg.Error
Duplicate = psycopg.errors.UniqueViolation


def readable(error: Exception) -> LedgerError:
    """The same failure, to be shown."""
    state: str | None = getattr(error, "sqlstate", None)
    if isinstance(error, psycopg.DataError):
        return LedgerError("a value cannot be stored; nothing was written")
    if state is None:
        said = str(error)
        return LedgerError(next((m for phrase, m in _PHRASES.items() if phrase in said), _LOST))
    for start, meaning in _MEANINGS.items():
        if state.startswith(start):
            return LedgerError(meaning)
    return LedgerError(f"PostgreSQL refused (SQLSTATE {state}); run `order-skills doctor`")


def connect(dsn: str) -> tuple[Connection, str]:
    """A connection that writes and keeps what it wrote, and the words that begin its transactions.

    Raises:
        LedgerError: there is none to be had, or it is read-only.
    """
    try:
        given = conninfo_to_dict(dsn)
        connection = psycopg.connect(
            dsn,
            autocommit=True,  # every BEGIN and COMMIT is written out
            prepare_threshold=None,  # poolers that share connections know no prepared statements
            connect_timeout=int(given.get("connect_timeout") or _CONNECT_SECONDS),
            tcp_user_timeout=int(given.get("tcp_user_timeout") or _PACKET_MILLISECONDS),
            application_name=str(given.get("application_name") or "order-skills"),
        )
    except (psycopg.Error, ValueError) as error:
        raise readable(error) from None
    try:
        told = connection.execute(
            "SELECT current_setting('transaction_read_only'), current_setting('synchronous_commit')"
        ).fetchone()
        if told is None or told[0] == "on":
            raise LedgerError(_READ_ONLY)
    except psycopg.Error as error:
        connection.close()
        raise readable(error) from None
    except BaseException:
        connection.close()
        raise
    return connection, _BEGIN + (_DURABLY if told[1] == "off" else "")
