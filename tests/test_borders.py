"""Where each module stands and what it may import: the plan of the house, held by a test.

A room is a top-level module or folder of the package. An import inside a function counts like
any other; one for type checkers alone (`if TYPE_CHECKING`) may also reach what `FOR_TYPES` says.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import SOURCE, environment

PACKAGE = SOURCE / "order_skills"
# A file that is longer does more than one thing.
MAX_LINES = 300

# What stands in several files and is one room all the same.
ONE_ROOM = {
    "guides": (
        "guides",
        "notices",
        "prompts",
        "prompt_arguments",
        "prompt_words",
        "resources",
        "completion",
        "seen",
        "protocol_errors",
    ),
    "http_listener": ("http_listener", "http_connection"),
    "http": (
        "http",
        "http_body",
        "http_call",
        "http_client",
        "http_errors",
        "pace",
        "strict_json",
    ),
    "settings": (
        "settings",
        "settings_addresses",
        "settings_file",
        "settings_home",
        "settings_http",
        "settings_platforms",
        "settings_source",
        "settings_stores",
        "settings_values",
    ),
}

# room → the rooms that it may import, from the ground up.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "money": set(),
    "text": set(),
    "orders": set(),
    "answers": set(),
    "passphrase": set(),
    "principals": set(),
    "logs": {"errors", "principals"},
    "settings": {"errors", "money", "passphrase"},
    "http": {"errors"},
    "stores": {"errors", "money", "text", "orders", "http"},
    "refunds": {"errors", "money", "text", "orders", "settings", "http", "stores"},
    "webhooks": {"errors", "text", "settings", "http", "stores", "refunds"},
    "playbooks": {"money", "orders", "answers", "refunds"},
    "reports": {"money", "orders", "answers", "refunds", "playbooks"},
    # What a store embedded in the process is, nobody above the workspace knows.
    # What a server tells of itself: logs of calls, traces, metrics.
    "observing": {"errors", "principals", "logs", "settings", "http", "stores", "refunds"},
    "workspace": {
        "errors",
        "principals",
        "settings",
        "http",
        "stores",
        "refunds",
        "webhooks",
        "sandbox",
        "observing",
    },
    "tools": {
        "errors",
        "money",
        "text",
        "orders",
        "answers",
        "settings",
        "http",
        "stores",
        "refunds",
        "playbooks",
        "webhooks",
        "principals",
    },
    "guides": {"errors", "principals", "text", "stores", "tools", "webhooks", "workspace"},
    "server": {"errors", "principals", "settings", "tools", "workspace", "guides", "observing"},
    # What several processes have to share.
    "replicas": {"errors", "settings", "webhooks"},
    # The first answers, given before anything else is loaded.
    "quick_start": {"errors", "settings"},
    "stdio": {"quick_start"},
    # Who signs in, and with which rights.
    "signin": {"principals", "settings", "http"},
    "views": {"principals", "server", "workspace"},
    # Health, for who sends clients here.
    "readiness": {"errors", "refunds"},
    "streamable_http": {
        "principals",
        "readiness",
        "settings",
        "signin",
        "server",
        "tools",
        "views",
        "webhooks",
        "workspace",
    },
    "http_listener": set(),
    "lifetime": {
        "quick_start",
        "settings",
        "observing",
        "workspace",
        "server",
        "stdio",
        "streamable_http",
        "http_listener",
        "webhooks",
    },
    "commands": {
        "errors",
        "money",
        "text",
        "orders",
        "logs",
        "passphrase",
        "settings",
        "stores",
        "refunds",
        "webhooks",
        "workspace",
        "sandbox",
        "lifetime",
        # The daily order check reads and counts as order_report does.
        "playbooks",
        "reports",
        "tools",
        "http_listener",
        "principals",
        "signin",
        "replicas",
        "quick_start",
    },
    "demo": set(),
    "cli": {"errors", "logs", "settings", "commands", "demo", "quick_start"},
    "__main__": {"cli", "quick_start"},
    # It must not be able to agree with an adapter's misreading.
    "sandbox": set(),
}
FOR_TYPES: dict[str, set[str]] = {"tools": {"workspace"}}

# Modules that decide, and touch nothing: they import models, each other, and these.
PURE = (
    "refunds.rules",
    "refunds.intents",
    "refunds.evidence",
    "refunds.amounts",
    "refunds.case",
    "refunds.cancellation",
    "refunds.person",
    "refunds.whole_lines",
    "refunds.description",
    "refunds.words",
    "prompt_words",
    "playbooks.daily_check",
    "playbooks.wrong_size",
    "webhooks.endpoints",
)
MODELS = ("errors", "money", "text", "orders", "answers", "stores.base", "settings_values")
PURE_STANDARD_LIBRARY = {
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "hashlib",
    "json",
    "re",
    "secrets",
    "typing",
    "urllib.parse",
}

# The one HTTP client, the transport to the embedded store, that store's own webhooks, and the
# fetching of an issuer's keys, which are no store's.
HTTP_LIBRARIES = ("httpx2", "httpcore2", "httpx", "httpcore", "requests", "urllib3", "aiohttp")
KNOW_HTTP = {"http", "http_client", "workspace", "sandbox.deliveries", "signin.keys"}
# The command line hands the environment in; the tour hands it on to the servers it starts.
KNOW_ENVIRON = {"__main__", "cli", "demo.terminal", "demo.store", "demo.webhooks"}


@dataclass(frozen=True)
class Import:
    """One import: of `what` by `who`, each without the package's name if it is ours."""

    who: str
    what: str
    ours: bool
    for_types: bool


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in files()}


def room_of(module: str) -> str:
    first = module.partition(".")[0]
    return next((room for room, names in ONE_ROOM.items() if first in names), first)


def imports() -> Iterator[Import]:
    for who, path in MODULES.items():
        tree = ast.parse(path.read_text("utf-8"))
        typed = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            for what in _imported(node):
                ours = what.partition(".")[0] == "order_skills"
                yield Import(who, what.partition(".")[2] if ours else what, ours, id(node) in typed)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "relative imports hide the direction"
    module = node.module or ""
    inner = [f"{module}.{alias.name}" for alias in node.names]
    # `from package import module` imports the module; of a module, only itself counts.
    found = [name for name in inner if name.partition(".")[2] in MODULES]
    return found or [module]


IMPORTS = tuple(imports())


def test_every_room_is_on_the_plan() -> None:
    assert {room_of(module) for module in MODULES if module} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_stands_below_it_and_nothing_else(room: str) -> None:
    for found in IMPORTS:
        if not found.ours or not found.what or room_of(found.who) != room:
            continue
        allowed = {room} | MAY_IMPORT[room]
        if found.for_types:
            allowed |= FOR_TYPES.get(room, set())
        assert room_of(found.what) in allowed, f"{found.who} imports {found.what}"


def test_the_plan_has_no_circle() -> None:
    left = {room: set(below) for room, below in MAY_IMPORT.items()}
    while ground := {room for room, below in left.items() if not below}:
        left = {room: below - ground for room, below in left.items() if room not in ground}
    assert left == {}


@pytest.mark.parametrize("module", PURE)
def test_what_decides_touches_nothing(module: str) -> None:
    for found in IMPORTS:
        if found.who != module:
            continue
        if found.ours:
            assert found.what in (*PURE, *MODELS, ""), f"{module} imports {found.what}"
        else:
            assert found.what in PURE_STANDARD_LIBRARY, f"{module} imports {found.what}"


def test_only_one_module_knows_the_http_library() -> None:
    users = {
        found.who
        for found in IMPORTS
        if found.what.partition(".")[0] in HTTP_LIBRARIES and not found.ours and not found.for_types
    }
    assert users == KNOW_HTTP


def test_only_the_command_line_reads_the_environment() -> None:
    readers = set()
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if named in ("os.environ", "os.environb", "os.getenv"):
                readers.add(module)
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                names = {alias.name for alias in node.names}
                assert not names & {"environ", "getenv", "environb"}, module
    assert readers == KNOW_ENVIRON


def test_a_file_stays_under_300_lines() -> None:
    lines = {module: len(path.read_text("utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MAX_LINES} == {}


def loaded_by(code: str, home: Path) -> set[str]:
    """The packages beyond the standard library that are loaded after this code."""
    names = "sorted({name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path[:0] = {PATHS!r}\n{code}\nprint(*{names})",
        ],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(result.stdout.split()) - set(sys.stdlib_module_names)
    return {name for name in loaded if not name.startswith("_")}


# Where the package and what it needs are found, without what a start of Python adds by itself.
PATHS = [path for path in sys.path if path]


@pytest.mark.parametrize(
    "code",
    [
        "import order_skills",
        "import order_skills.errors, order_skills.money, order_skills.text",
        "import order_skills.settings",
        "import order_skills.cli",
        "import order_skills.__main__, order_skills.quick_start.front",
        "from order_skills import cli; cli.main(['nonsense'])",
    ],
)
def test_importing_the_package_loads_nothing_but_itself(code: str, home: Path) -> None:
    assert loaded_by(code, home) == {"order_skills"}


def test_the_server_loads_no_database_and_no_embedded_store_of_its_own(home: Path) -> None:
    code = "import order_skills.server, order_skills.stdio"
    heavy = (
        "[name for name in ('sqlite3', 'psycopg', 'order_skills.sandbox') if name in sys.modules]"
    )
    assert "mcp" in loaded_by(f"{code}\nassert not {heavy}, {heavy}", home)
