"""A ledger in front of another, which fails at a chosen call: before it is done, or after."""

from collections.abc import Callable
from typing import Any, cast

from order_skills.refunds.ledger import Ledger, LedgerError

# Asked before and after each call with the method's name; raises what should go wrong there.
Trouble = Callable[[str, str], None]


class Troubled:
    """Delegates every method."""

    def __init__(self, ledger: Ledger, trouble: Trouble) -> None:
        self._ledger = ledger
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        def call(*arguments: Any, **words: Any) -> Any:
            self._trouble("before", name)
            found = method(*arguments, **words)
            self._trouble("after", name)
            return found

        return call


def troubled(ledger: Ledger, trouble: Trouble) -> Ledger:
    """The ledger with this trouble."""
    return cast(Ledger, Troubled(ledger, trouble))


class AtMethod:
    """Fails so many times at one method; counts how often it was called."""

    def __init__(
        self,
        method: str,
        when: str = "before",
        times: int | None = 1,
        error: type[BaseException] = LedgerError,
    ) -> None:
        self.method, self.when, self.left, self.error = method, when, times, error
        self.calls = 0

    def __call__(self, when: str, name: str) -> None:
        if (when, name) != (self.when, self.method):
            return
        self.calls += 1
        if self.left is None or self.left > 0:
            self.left = None if self.left is None else self.left - 1
            raise self.error("on purpose")


class AtCall:
    """Fails once, at the n-th call of whatever method; `method` is which it was."""

    def __init__(self, number: int, when: str, error: type[BaseException] = LedgerError) -> None:
        self.number, self.when, self.error = number, when, error
        self.calls = 0
        self.method: str | None = None

    def __call__(self, when: str, name: str) -> None:
        if when != self.when or name in ("register", "unregister", "close"):
            return
        self.calls += 1
        if self.calls == self.number:
            self.method = name
            raise self.error("on purpose")
