"""A ledger that tells of what it wrote: each move of a refund, once it is durable."""

from typing import Any, Protocol, cast

from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Change, Claim, Claimed, Ledger


class Listener(Protocol):
    """Hears of moves, in the ledger's thread."""

    def moved(self, state: State, times: int = 1) -> None:
        """So many refunds are in this state now, and were in another before."""
        ...

    def alarmed(self) -> None:
        """An alarm was written down."""
        ...


def watched(ledger: Ledger, listener: Listener) -> Ledger:
    """The same ledger, whose moves are heard of."""
    return cast(Ledger, _Watched(ledger, listener))


class _Watched:
    """Passes every call on; those that move a refund are told when they have returned."""

    def __init__(self, ledger: Ledger, listener: Listener) -> None:
        self._ledger = ledger
        self._listener = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def find_or_prepare(self, intent: Intent, **more: Any) -> tuple[Intent, bool]:
        found, new = self._ledger.find_or_prepare(intent, **more)
        if new:
            self._listener.moved(found.state)
        return found, new

    def claim(self, refund_id: str, **given: Any) -> Claim:
        claim = self._ledger.claim(refund_id, **given)
        if isinstance(claim, Claimed):
            self._listener.moved(claim.intent.state)
        return claim

    def move(self, refund_id: str, state: State, change: Change, **guards: Any) -> Intent | None:
        moved = self._ledger.move(refund_id, state, change, **guards)
        if moved is not None:
            self._listener.moved(moved.state)
            self._hear(change)
        return moved

    def adopt(self, intent: Intent, change: Change, **more: Any) -> bool:
        adopted = self._ledger.adopt(intent, change, **more)
        if adopted:
            self._listener.moved(State.SUCCEEDED)
            self._hear(change)
        return adopted

    def warn(self, refund_id: str, change: Change, **more: Any) -> None:
        self._ledger.warn(refund_id, change, **more)
        self._hear(change)

    def expire(self, **more: Any) -> int:
        expired = self._ledger.expire(**more)
        self._listener.moved(State.EXPIRED, expired)
        return expired

    def _hear(self, change: Change) -> None:
        if change.alarm is not None:
            self._listener.alarmed()
