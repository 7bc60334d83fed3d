"""Prints the figures that the documents quote: `make bench`, or `python -m tests.benchmarks`.

    python -m tests.benchmarks [--write references/performance.md]

One machine, one run, medians; compare ratios, not milliseconds. Nothing here passes or fails.
For a team's service: `python -m tests.benchmarks.team`; for ten minutes of faults:
`python -m tests.benchmarks.soak`. The ledger alone, and one with a million intents:
`python tests/benchmarks/ledger.py`.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.benchmarks import (
    cold_start,
    finding,
    memory,
    page,
    places,
    refunds,
    requests,
    side_by_side,
    table,
    tokens,
)


def main() -> int:
    """Run every benchmark and print one table for each; the exit code."""
    parser = argparse.ArgumentParser(description="Measure, and print a table for each benchmark.")
    parser.add_argument("--write", type=Path, help="a page whose tables are replaced")
    told = parser.parse_args()
    if told.write and not places.is_there(places.OPENAPI):
        parser.error("--write needs every server: run `make bench-peers` first")
    machine = page.machine()
    print(f"{machine}\n")
    side_by_side.main()
    cold_start.main()
    asyncio.run(tokens.main())
    asyncio.run(requests.main())
    asyncio.run(finding.main())
    memory.main()
    refunds.main()
    if told.write:
        page.write(told.write, "benchmarks", machine, table.SHOWN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
