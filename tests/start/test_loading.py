"""What is loaded when: little before the first answers, and the heavy parts at their first use."""

import subprocess
import sys
from pathlib import Path

from opening import KEY

from order_skills.tools.catalogue import CATALOGUE
from support import SOURCE, environment

# Each takes a few milliseconds, and many bring more of the like.
NOT_FIRST = (
    "argparse",
    "asyncio",
    "dataclasses",
    "enum",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "re",
    "signal",
    "typing",
    "urllib",
)
# What serves nobody before a first call, or a first list.
NOT_BEFORE_A_CALL = (
    # All that sends and receives; the SDK loads the rest of httpx2.
    "httpcore2",
    "sqlite3",
    "psycopg",
    "order_skills.sandbox",
    "order_skills.refunds.desk",
    "order_skills.refunds.sqlite",
    "order_skills.refunds.postgres",
    "order_skills.prompts",
    "order_skills.resources",
    *sorted({f"order_skills.tools.{entry.family}" for entry in CATALOGUE}),
)
# A server that waits for its first call.
WAITING = (
    "import os\n"
    "from order_skills import settings\n"
    "from order_skills.server import OrderServer\n"
    "from order_skills.workspace import open_workspace\n"
    "server = OrderServer(open_workspace(settings.load(os.environ)))\n"
)


def loaded(home: Path, code: str, names: tuple[str, ...], *flags: str) -> list[str]:
    """Those of these modules that are loaded after this code has run."""
    result = subprocess.run(
        [
            sys.executable,
            *flags,
            "-c",
            f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{code}\n"
            f"print(*[name for name in {names!r} if name in sys.modules])",
        ],
        env=environment(home, **KEY),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


def test_the_first_answers_need_little_of_the_standard_library(home: Path) -> None:
    code = (
        "import os\n"
        "from order_skills.quick_start.front import begin\n"
        "assert begin(['serve'], os.environ).kept is not None"
    )
    # Without what an installation loads at each start of Python.
    assert loaded(home, code, NOT_FIRST, "-S") == []


def test_a_server_that_waits_for_its_first_call_has_loaded_no_way_to_stores_and_ledgers(
    home: Path,
) -> None:
    assert loaded(home, WAITING, NOT_BEFORE_A_CALL) == []
    assert loaded(home, WAITING, ("order_skills.server", "mcp")) == ["order_skills.server", "mcp"]


def test_a_call_loads_its_own_tool_and_a_list_those_that_the_stores_can_serve(home: Path) -> None:
    for tool, family in (("get_refund", "refunds"), ("get_order", "reading")):
        # Refused by its own arguments, so that no store is asked.
        call = f"import asyncio\nasyncio.run(server.call_tool({tool!r}, {{}}))"
        assert _families(home, call) == {family}
    lists = "import asyncio\nasyncio.run(server.list_tools())"
    assert _families(home, lists) == {"listing", "reading", "refunds", "downloads", "support"}


def test_a_service_has_loaded_every_tool_before_somebody_exchanges_its_files(home: Path) -> None:
    service = "from order_skills.streamable_http import Service\nService(server.workspace, None)"
    assert _families(home, service) == {entry.family for entry in CATALOGUE}


def test_a_server_is_started_without_a_parser_and_collects_garbage_when_it_serves(
    home: Path,
) -> None:
    code = (
        "import gc, sys\n"
        "from order_skills.__main__ import main\n"
        "sys.argv = ['order-skills', 'serve']\n"
        "assert main() == 0\n"
        "assert gc.isenabled()"
    )
    names = ("order_skills.server", "order_skills.commands.parser", "argparse")
    assert loaded(home, code, names) == ["order_skills.server"]


def _families(home: Path, code: str) -> set[str]:
    """The tools that this loads, by their files."""
    names = tuple({f"order_skills.tools.{entry.family}" for entry in CATALOGUE})
    return {name.rpartition(".")[2] for name in loaded(home, WAITING + code, names)}


def test_a_server_on_a_pipe_loads_no_http_server_and_could_still(home: Path) -> None:
    code = (
        "from order_skills import lifetime\n"
        "with lifetime._without_uvicorn():\n"
        "    import order_skills.server\n"
        "assert 'uvicorn' not in sys.modules\n"
        "import uvicorn"
    )
    assert loaded(home, code, ("order_skills.server", "uvicorn.main")) == [
        "order_skills.server",
        "uvicorn.main",
    ]
