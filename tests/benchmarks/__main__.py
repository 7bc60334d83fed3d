"""Prints the figures that the documents quote: `make bench`, or `python -m tests.benchmarks`.

One machine, one run, medians; compare ratios, not milliseconds. Nothing here passes or fails.
The ledger alone, and one with a million intents: `python tests/benchmarks/ledger.py`.
"""

import asyncio
import platform
import sys

from tests.benchmarks import cold_start, finding, memory, refunds, requests, tokens


def main() -> None:
    """Run every benchmark and print one table for each."""
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}\n")
    asyncio.run(tokens.main())
    asyncio.run(requests.main())
    asyncio.run(finding.main())
    cold_start.main()
    memory.main()
    refunds.main()


if __name__ == "__main__":
    sys.exit(main())
