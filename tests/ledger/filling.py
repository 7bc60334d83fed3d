"""Years of refunds, written by the database itself: a million of them in seconds."""

from .backends import Backend
from .support import ACCOUNT

# Most refunds went well; a few wait; hardly any is in doubt. Prime-like gaps keep them spread.
_STATE = """CASE
    WHEN i % 1000 = 0 THEN 'PREPARED'
    WHEN i % 20000 = 1 THEN 'UNKNOWN'
    WHEN i % 40000 = 2 THEN 'NEEDS_HUMAN'
    WHEN i % 50000 = 3 THEN 'SENDING'
    WHEN i % 50 = 7 THEN 'REJECTED'
    WHEN i % 50 = 8 THEN 'EXPIRED'
    WHEN i % 50 = 9 THEN 'DENIED'
    ELSE 'SUCCEEDED' END"""
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
# One refund a minute: a million are about two years.
_AT = "({now} - ({count} - i) * 60.0)"


def fill(backend: Backend, count: int, now: float) -> None:
    """So many intents of one account, the last of them just now, each with its event."""
    at = _AT.format(now=now, count=count)
    columns = {
        "refund_id": "'rr_' || (1000000000 + i)",
        "account": f"'{ACCOUNT}'",
        "store": "'shop'",
        "order_id": "'order-' || i",
        "reason": "'it arrived broken'",
        "asked_minor": "500",
        "fingerprint": "'fingerprint-of-sixty-four-letters-or-so-as-sha256-makes-it-' || i",
        "amount_minor": "500",
        "currency": "'USD'",
        "state": _STATE,
        "created_at": at,
        # Those that wait are in time, but for one in ten, which `expire` finds.
        "expires_at": f"CASE WHEN i % 10000 = 0 THEN {now - 1} ELSE {now + 86_400} END",
        "refunded_before_minor": "0",
        "needs_person": "'[]'",
        "approved_by": "CASE WHEN i % 2000 = 0 THEN 'ann' END",
        "approved_at": f"CASE WHEN i % 2000 = 0 THEN {at} END",
        "claimed_at": at,
        "epoch": "1",
        "owner": "'process-of-long-ago'",
        "deadline": at,
        "baseline": "'[]'",
        "store_refund_id": "'re_' || i",
        "why": "'confirmed by the store''s answer'",
    }
    numbers = _NUMBERS.format(count=count)
    backend.run(
        f"INSERT INTO refund_intent ({', '.join(columns)})"
        f" {numbers} SELECT {', '.join(columns.values())} FROM n"
    )
    backend.run(
        "INSERT INTO refund_event (refund_id, at, who, state_after, why, evidence)"
        " SELECT refund_id, created_at, 'filling', state, 'made for a test', '{}'"
        " FROM refund_intent"
    )
    backend.run(f"INSERT INTO refund_account (account) VALUES ('{ACCOUNT}') ON CONFLICT DO NOTHING")
