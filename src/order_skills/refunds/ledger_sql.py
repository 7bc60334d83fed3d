"""The ledger over SQL: every promise of `ledger.Ledger` in words that both databases understand.

A database gives two kinds of transaction and says which owners live; see `Database`. Within a
write transaction the rows that decide are held (`SELECT … FOR UPDATE`, or SQLite's one writer),
the table of moves is asked, and the UPDATE repeats what was read in its WHERE. So a move happens
once even if a lock should fail, and the unique indexes refuse what the code forgot.
"""

import contextlib
from collections.abc import Collection

from order_skills.refunds import ledger_queries as queries
from order_skills.refunds import ledger_steps as steps
from order_skills.refunds.intents import STARTS_ANEW, Event, Intent, Limits, Spent, State, allowed
from order_skills.refunds.ledger import Change, Claim, Claimed, Frozen, LedgerError
from order_skills.refunds.ledger_database import Database, Taken
from order_skills.refunds.ledger_rows import values_of

# Two tries end every race seen so far: the loser of the first sees the winner in the second.
_TRIES = 3
# Rows that one sweep holds at once: enough to finish soon, few enough to let claims through.
_EXPIRED_AT_ONCE = 500
_OTHERS_REFUND = "that store refund belongs to another refund of ours"


class SqlLedger:
    """A `Ledger` over a `Database`; `ledger.Ledger` says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        return self._database

    def now(self) -> float:
        with self._database.read() as tx:
            return tx.now()

    def find_or_prepare(self, intent: Intent) -> tuple[Intent, bool]:
        if intent.state is not State.PREPARED or intent.approved_at is not None:
            raise ValueError("an intent is written down PREPARED, and approved later")
        values = values_of(intent)
        fingerprint = intent.request.fingerprint(intent.account)
        with self._database.write() as tx:
            for _ in range(_TRIES):
                found = queries.live(tx, fingerprint, held=True)
                if found is not None and found.state is State.PREPARED and steps.past(tx, found):
                    found = steps.step(tx, found, State.EXPIRED, steps.TIMED_OUT)
                if found is not None and found.state not in STARTS_ANEW:
                    return found, False
                if found is not None:
                    steps.update(tx, found, superseded=1)
                if steps.insert(tx, values):
                    steps.note(tx, intent, None, steps.asked(intent))
                    return intent, True
                # Another process wrote the same request down just now: it is found in the next try.
        raise LedgerError("the refund could not be written down; ask again")

    def find(self, account: str, fingerprint: str) -> Intent | None:
        with self._database.read() as tx:
            found = queries.live(tx, fingerprint)
        return found if found is not None and found.account == account else None

    def adopt(self, intent: Intent, change: Change) -> bool:
        if intent.state is not State.SUCCEEDED:
            raise ValueError("only a refund that the store has is adopted")
        for _ in range(_TRIES):
            # Somebody may write the same request down just now: then the next try sees theirs.
            with contextlib.suppress(Taken), self._database.write() as tx:
                # A request that has an intent already keeps it; both stay in the order's history.
                live = queries.live(tx, intent.request.fingerprint(intent.account))
                values = values_of(intent) | {"superseded": int(live is not None)}
                new = steps.insert(tx, values, unless="(refund_id)")
                if new:
                    steps.note(tx, intent, None, change)
                return new
        raise LedgerError(_OTHERS_REFUND)

    def get(self, refund_id: str, accounts: Collection[str] | None = None) -> Intent | None:
        with self._database.read() as tx:
            found = queries.intent(tx, refund_id)
        if found is None or (accounts is not None and found.account not in accounts):
            return None
        return found

    def by_marker(self, account: str, refund_ids: Collection[str]) -> frozenset[str]:
        with self._database.read() as tx:
            return queries.known(tx, account, refund_ids)

    def of_order(self, account: str, order_id: str) -> tuple[Intent, ...]:
        with self._database.read() as tx:
            return queries.of_order(tx, account, order_id)

    def list(
        self,
        accounts: Collection[str] | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> tuple[Intent, ...]:
        with self._database.read() as tx:
            return queries.newest(tx, accounts, states, limit)

    def approve(self, refund_id: str, by: str) -> Intent | None:
        with self._database.write() as tx:
            tx.share_freeze()
            found = queries.intent(tx, refund_id, held=True)
            if found is None or found.state is not State.PREPARED or found.approved_at is not None:
                return None
            if steps.past(tx, found) or queries.frozen(tx) is not None:
                return None
            approved = steps.update(tx, found, approved_by=by, approved_at=tx.now())
            steps.note(tx, approved, found.state, steps.approval(approved, by))
            return approved

    def claim(
        self,
        refund_id: str,
        *,
        owner: str,
        baseline: tuple[str, ...],
        deadline: float,
        limits: Limits,
        must_be_approved: bool,
        history: Collection[Intent] | None = None,
    ) -> Claim:
        for _ in range(_TRIES):
            try:
                with self._database.write() as tx:
                    found = steps.ready(tx, refund_id, must_be_approved)
                    if not isinstance(found, Intent):
                        return found
                    refused = steps.forbidden(tx, found, limits, history)
                    if refused is not None:
                        return refused
                    claimed = steps.claim(
                        tx,
                        found,
                        owner=owner,
                        baseline=baseline,
                        deadline=deadline,
                        limits=limits,
                        must_be_approved=must_be_approved,
                    )
                return Claimed(claimed)
            except Taken:
                continue  # the index `one_active` refused: the next try finds who has the order
        raise LedgerError("the order could not be claimed; ask again")

    def move(
        self,
        refund_id: str,
        state: State,
        change: Change,
        *,
        epoch: int | None = None,
        before: State | None = None,
    ) -> Intent | None:
        try:
            with self._database.write() as tx:
                found = queries.intent(tx, refund_id, held=True)
                # SENDING is entered by `claim` alone, which reserves the budget and the order.
                if found is None or state is State.SENDING or not allowed(found.state, state):
                    return None
                if epoch is not None and found.epoch != epoch:
                    return None
                if before is not None and found.state is not before:
                    return None
                return steps.step(tx, found, state, change)
        except Taken:
            raise LedgerError(_OTHERS_REFUND) from None

    def warn(self, refund_id: str, change: Change) -> None:
        with self._database.write() as tx:
            found = queries.intent(tx, refund_id, held=True)
            if found is not None:
                warned = steps.update(
                    tx,
                    found,
                    alarm=change.alarm or found.alarm,
                    settlement=change.settlement or found.settlement,
                )
                steps.note(tx, warned, found.state, change)

    def still_ours(self, refund_id: str, epoch: int) -> bool:
        with self._database.write() as tx:
            rows = tx.rows(
                "UPDATE refund_intent SET sent_at = COALESCE(sent_at, ?)"
                " WHERE refund_id = ? AND epoch = ? AND state = ? RETURNING refund_id",
                (tx.now(), refund_id, epoch, State.SENDING.value),
            )
            return bool(rows)

    def checked(
        self, refund_id: str, change: Change | None = None, *, seen: int | None = None
    ) -> None:
        with self._database.write() as tx:
            tx.rows(
                "UPDATE refund_intent SET checks = checks + 1, checked_at = ?"
                " WHERE refund_id = ? AND checks = COALESCE(?, checks)",
                (tx.now(), refund_id, seen),
            )
            found = queries.intent(tx, refund_id, held=True) if change is not None else None
            if found is not None and change is not None:
                steps.note(tx, found, found.state, change)

    def approved(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        with self._database.read() as tx:
            return queries.to_send(tx, accounts)

    def abandoned(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        with self._database.read() as tx:
            sending, now = queries.sending(tx, accounts), tx.now()
        living = self._database.living({intent.owner or "" for intent in sending})
        return tuple(
            intent
            for intent in sending
            if intent.owner not in living or intent.deadline is None or intent.deadline <= now
        )

    def in_doubt(self, accounts: Collection[str]) -> tuple[Intent, ...]:
        with self._database.read() as tx:
            return queries.in_doubt(tx, accounts)

    def expire(self) -> int:
        count = 0
        while True:
            with self._database.write() as tx:
                late = queries.expired(tx, _EXPIRED_AT_ONCE)
                for intent in late:
                    steps.step(tx, intent, State.EXPIRED, steps.TIMED_OUT)
            count += len(late)
            if len(late) < _EXPIRED_AT_ONCE:
                return count

    def register(self, owner: str) -> None:
        self._database.register(owner)

    def heartbeat(self, owner: str) -> None:
        self._database.heartbeat(owner)

    def others_alive(self, owner: str) -> bool:
        return bool(self._database.living() - {owner})

    def unregister(self, owner: str) -> None:
        self._database.unregister(owner)

    def spent(self, account: str) -> Spent:
        with self._database.read() as tx:
            return queries.spent(tx, account)

    def freeze(self, by: str) -> None:
        with self._database.write() as tx:
            tx.own_freeze()
            if queries.frozen(tx) is None:
                tx.rows(
                    "INSERT INTO refund_freeze (frozen_by, frozen_at) VALUES (?, ?)", (by, tx.now())
                )

    def unfreeze(self, by: str) -> None:
        with self._database.write() as tx:
            tx.own_freeze()
            tx.rows(
                "UPDATE refund_freeze SET lifted_by = ?, lifted_at = ? WHERE lifted_at IS NULL",
                (by, tx.now()),
            )

    def frozen(self) -> Frozen | None:
        with self._database.read() as tx:
            return queries.frozen(tx)

    def events(self, refund_id: str) -> tuple[Event, ...]:
        with self._database.read() as tx:
            return queries.history(tx, refund_id)

    def verify(self) -> None:
        self._database.verify()
        with self._database.read() as tx:
            untold = queries.untold(tx)
        if untold:
            raise LedgerError(
                f"{untold} refunds are not in the state that their history says; restore a backup"
            )

    def close(self) -> None:
        self._database.close()
