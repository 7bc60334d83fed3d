"""A process that races others: started by the tests, told what to do on standard input.

First line in: {"ledger": …, "owner": …, "limits": […]}; it opens the ledger, signs on, and says
`ready`. Second line in: the refund_ids to claim, in this order. Out: one line, what became of each.
"""

import json
import sys
from pathlib import Path

from order_skills.refunds.intents import Limits
from order_skills.refunds.ledger import Ledger


def main() -> None:
    told = json.loads(sys.stdin.readline())
    ledger = opened(told["ledger"])
    ledger.register(told["owner"])
    print("ready", flush=True)
    results = {}
    for refund_id in json.loads(sys.stdin.readline()):
        claim = ledger.claim(
            refund_id,
            owner=told["owner"],
            baseline=(),
            deadline=ledger.now() + 60,
            limits=Limits(*told["limits"]),
            must_be_approved=False,
        )
        results[refund_id] = type(claim).__name__
    print(json.dumps(results), flush=True)


def opened(name: str) -> Ledger:
    """The ledger of a path or a DSN."""
    if name.startswith("postgresql://"):
        from order_skills.refunds.postgres import PostgresLedger

        return PostgresLedger(name)
    from order_skills.refunds.sqlite import SqliteLedger

    return SqliteLedger(Path(name))


if __name__ == "__main__":
    main()
