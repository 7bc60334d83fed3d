"""The closed error tree: whose fault it was, whether it happened, what to do next.

    OrderSkillsError
    ├── ConfigurationError   the owner's settings; the program does not start (exit 2)
    └── AgentError           what an agent reads: `CODE: what, with the facts. Next: what to do.`
        ├── Refusal          we said no; nothing was sent that writes
        └── StoreError       the store, or the way to it
                             .happened = NO       the store said no, or nothing left this machine
                             .happened = UNKNOWN  it may have arrived; only reading back can tell

Nothing of the store's own text, no key and no personal data goes into any of them:
messages are written here or by our own code, from numbers, identifiers that passed a
pattern, and words from closed lists.
"""

from enum import StrEnum


class Code(StrEnum):
    """Every code an agent can meet, in the order of the contract."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    RECEIPT_NOT_FOUND = "RECEIPT_NOT_FOUND"
    REFUND_NOT_FOUND = "REFUND_NOT_FOUND"
    NOT_PAID = "NOT_PAID"
    NOT_REFUNDABLE = "NOT_REFUNDABLE"
    NOTHING_LEFT = "NOTHING_LEFT"
    EXCEEDS_REMAINING = "EXCEEDS_REMAINING"
    POSSIBLE_DUPLICATE = "POSSIBLE_DUPLICATE"
    REFUND_IN_PROGRESS = "REFUND_IN_PROGRESS"
    OVER_LIMIT = "OVER_LIMIT"
    READ_ONLY = "READ_ONLY"
    FROZEN = "FROZEN"
    NOT_DIGITAL = "NOT_DIGITAL"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    STORE_REJECTED = "STORE_REJECTED"
    STORE_UNAUTHORIZED = "STORE_UNAUTHORIZED"
    STORE_FORBIDDEN = "STORE_FORBIDDEN"
    STORE_RATE_LIMITED = "STORE_RATE_LIMITED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    STORE_BAD_ANSWER = "STORE_BAD_ANSWER"
    LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"


class Happened(StrEnum):
    """What is known of a request that failed."""

    NO = "no"
    UNKNOWN = "unknown"


class OrderSkillsError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(OrderSkillsError):
    """A setting that cannot be used. Names the setting and the mend, never a secret value."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


class AgentError(OrderSkillsError):
    """An error that is shown to the agent.

    `message` says what is wrong with the facts; `next_step` is the call or the person that
    mends it. `str()` is the whole text the agent reads.
    """

    def __init__(self, code: Code, message: str, next_step: str) -> None:
        self.code = code
        self.message = message
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.code}: {_sentence(self.message)} Next: {_sentence(self.next_step)}"


class Refusal(AgentError):
    """We refused: a bad argument, or a rule. Nothing that writes was sent."""


class StoreError(AgentError):
    """The store answered no, answered nonsense, or was not reached.

    Args:
        happened: for a request that writes, whether it may have taken effect.
        status: the HTTP status, where there was one.
        retry_after: seconds to wait, where the store said so.
        store_code: the platform's own code, from the closed list of its adapter; for our code
            to decide on, never for an agent to read.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        next_step: str,
        *,
        happened: Happened = Happened.NO,
        status: int | None = None,
        retry_after: float | None = None,
        store_code: str | None = None,
    ) -> None:
        super().__init__(code, message, next_step)
        self.happened = happened
        self.status = status
        self.retry_after = retry_after
        self.store_code = store_code


def invalid(argument: str, problem: str, next_step: str) -> Refusal:
    """An argument that was refused before any request; its value is never repeated."""
    return Refusal(Code.INVALID_ARGUMENT, f"{argument} {problem}", next_step)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
