"""A process of an earlier version: the frozen code of its ledger, told line by line what to do.

`earlier/schema-N.zip` is the last code whose newest migration was N, as it was released:

    git archive --format=zip -o tests/ledger/earlier/schema-N.zip COMMIT:src <what a ledger imports>

In: a list in JSON, the deed and what it takes. Out: one line, the answer, or `{"error": …}`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Ledger, LedgerError
from tests.ledger.support import claim, prepare


def main() -> None:
    ledger: list[Ledger] = []
    deeds: dict[str, Callable[..., Any]] = {
        "open": lambda name: ledger.append(_opened(name)),
        "prepare": lambda order_id: prepare(ledger[0], order_id).refund_id,
        "approve": lambda refund_id: ledger[0].approve(refund_id, "ann") is not None,
        "claim": lambda refund_id: _claimed(ledger[0], refund_id),
        "move": lambda refund_id, state: _moved(ledger[0], refund_id, state),
        "states": lambda: {i.refund_id: str(i.state) for i in ledger[0].list()},
        "freeze": lambda: ledger[0].freeze("ann"),
        "verify": lambda *_: ledger[0].verify(),
    }
    for line in sys.stdin:
        deed, *given = json.loads(line)
        try:
            answer = deeds[deed](*given)
        except LedgerError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def _opened(name: str) -> Ledger:
    if name.startswith("postgresql://"):
        from order_skills.refunds.postgres import PostgresLedger as Kind

        return Kind(name)
    from order_skills.refunds.sqlite import SqliteLedger

    return SqliteLedger(Path(name))


def _claimed(ledger: Ledger, refund_id: str) -> str:
    intent = ledger.get(refund_id)
    assert intent is not None
    return type(claim(ledger, intent, owner="earlier")).__name__


def _moved(ledger: Ledger, refund_id: str, state: str) -> bool:
    return ledger.move(refund_id, State(state), Change("earlier", "because")) is not None


if __name__ == "__main__":
    main()
