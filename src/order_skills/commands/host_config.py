"""`order-skills config HOST`: what an agent host needs to start the server.

Standard output is the configuration alone; where it belongs is said on standard error.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from order_skills import settings
from order_skills.errors import ConfigurationError
from order_skills.settings_platforms import PLATFORMS, placeholder
from order_skills.settings_stores import StoreSettings

SERVER_NAME = "order-skills"

_WHERE = {
    "claude-desktop": (
        "Put it into claude_desktop_config.json (Settings > Developer > Edit Config):",
        "macOS    ~/Library/Application Support/Claude/claude_desktop_config.json",
        r"Windows  %APPDATA%\Claude\claude_desktop_config.json",
        "Linux    ~/.config/Claude/claude_desktop_config.json",
        "then quit Claude Desktop and start it again.",
    ),
    "claude-code": ("Put it into .mcp.json in the project's folder (all systems), or run:",),
    "cursor": (
        "Put it into mcp.json:",
        "all projects  ~/.cursor/mcp.json (Windows %USERPROFILE%\\.cursor\\mcp.json)",
        "one project   .cursor/mcp.json in its folder",
    ),
    "vscode": (
        "Put it into .vscode/mcp.json in the workspace's folder, or for all of them into the",
        "file that the command `MCP: Open User Configuration` opens:",
        "macOS    ~/Library/Application Support/Code/User/mcp.json",
        r"Windows  %APPDATA%\Code\User\mcp.json",
        "Linux    ~/.config/Code/User/mcp.json",
    ),
    "openclaw": ("Put it into ~/.openclaw/openclaw.json (all systems), or run:",),
}

_OURS = "ORDER_SKILLS_"


def run(environ: Mapping[str, str], config: Path | None, host: str) -> int:
    """Print the configuration for `host` and return the exit code.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    found = settings.load(environ, config)
    keys = _keys(environ, config)
    if not found.stores:
        keys = _placeholders(environ)
    needed = {**_needed(environ, config), "ORDER_SKILLS_HOME": str(found.home), **keys}
    entry = _entry(config, environ.get("PATH"), needed)
    # Escapes instead of letters: JSON in any encoding that the terminal may have.
    print(json.dumps(_form(host, entry), indent=2))
    for line in _WHERE[host]:
        print(line, file=sys.stderr)
    if host in _COMMANDS:
        print(_COMMANDS[host](entry), file=sys.stderr)
    if not found.stores:
        others = [
            f"{' and '.join(platform.key_variables)} ({platform.title})"
            for platform in PLATFORMS.values()
            if platform.key_variable not in keys
        ]
        print(
            f"No store is set up yet. For another platform put its own variables in place of "
            f"{' and '.join(keys)}: {', or '.join(others)}.",
            file=sys.stderr,
        )
    if missing := [f'"{value}"' for value in keys.values() if value.startswith("<")]:
        print(
            f"Put the key in place of {' and of '.join(missing)}, or better run `order-skills "
            "init` and print this again: the key is then kept out of the host's file.",
            file=sys.stderr,
        )
    return 0


def _placeholders(environ: Mapping[str, str]) -> dict[str, str]:
    """What a host has to give where there is no store yet: of a platform whose address is set."""
    set_here = [name for name, platform in PLATFORMS.items() if platform.url_variable in environ]
    needed = {}
    for name in set_here or ["clawver"]:
        platform = PLATFORMS[name]
        needed[platform.key_variable] = placeholder(name)
        if platform.store_id_variable is not None:
            needed[platform.store_id_variable] = f"<your {platform.title} store's id>"
    return needed


@dataclass(frozen=True)
class _Entry:
    """How a host starts the server; the order is that of the hosts' own examples."""

    command: str
    args: list[str]
    env: dict[str, str]


def _needed(environ: Mapping[str, str], config: Path | None) -> dict[str, str]:
    """The settings of this shell without which the host's server would not be the same.

    A limit or a switch that stayed behind would loosen it without a word.
    """
    found = settings.load(environ, config)
    needed = {}
    for name, value in sorted(environ.items()):
        without = {other: kept for other, kept in environ.items() if other != name}
        ours = name.startswith(_OURS) and name != f"{_OURS}HOME"
        if ours and settings.load(without, config) != found:
            needed[name] = value
    if isinstance(found.ledger, settings.Secret):
        # A DSN may hold a password, which has no place in a host's file.
        needed.pop(f"{_OURS}LEDGER", None)
    return needed


def _keys(environ: Mapping[str, str], config: Path | None) -> dict[str, str]:
    """What a host has to give of each store that the file does not hold with its key.

    A key is a placeholder; a store's id is no secret.
    """
    stores = {store.name: store for store in settings.load(environ, config).stores}
    needed: dict[str, str] = {}
    for name, platform in PLATFORMS.items():
        given = {v: environ[v] for v in platform.key_variables if v in environ}
        if not given:
            continue
        held = _held(name, {v: environ[v] for v in environ if v not in given}, config)
        if platform.key_variable in given:
            needed |= {} if held else {**given, platform.key_variable: placeholder(name)}
        elif held is None or held.store_id != stores[name].store_id:
            needed |= given
    return needed


def _held(name: str, environ: Mapping[str, str], config: Path | None) -> StoreSettings | None:
    """The store as the file has it, None where it is none without the environment."""
    try:
        stores = settings.load(environ, config).stores
    except ConfigurationError:
        return None
    return next((store for store in stores if name == store.name == store.platform), None)


def _entry(config: Path | None, path: str | None, env: dict[str, str]) -> _Entry:
    command, *arguments = _command(path)
    file = ["--config", str(config.absolute())] if config else []
    return _Entry(command, [*arguments, "serve", *file], env)


def _form(host: str, entry: _Entry) -> dict[str, object]:
    if host == "vscode":
        return {"servers": {SERVER_NAME: {"type": "stdio", **asdict(entry)}}}
    if host == "openclaw":
        return {"mcp": {"servers": {SERVER_NAME: asdict(entry)}}}
    return {"mcpServers": {SERVER_NAME: asdict(entry)}}


def as_typed(path: str | None) -> str:
    """How this installation's command is typed in a shell: its name alone where that finds it."""
    command = _command(path)
    found = shutil.which(SERVER_NAME, path=path)
    if found and Path(command[0]).samefile(found):
        return SERVER_NAME
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def _command(path: str | None) -> list[str]:
    """How this installation is started from anywhere: hosts know nothing of its environment."""
    name = SERVER_NAME + (".exe" if sys.platform == "win32" else "")
    # Not resolved: in a virtual environment the interpreter is a link to the system's.
    interpreter = Path(sys.executable).absolute()
    beside = interpreter.with_name(name)
    if beside.is_file() and os.access(beside, os.X_OK):
        return [str(beside)]
    if found := shutil.which(SERVER_NAME, path=path):
        return [str(Path(found).absolute())]
    # -P: the folder that a host starts us in must not lend us its modules.
    return [str(interpreter), "-P", "-m", "order_skills"]


def _claude_code_command(entry: _Entry) -> str:
    variables = [word for item in entry.env.items() for word in ("--env", "=".join(item))]
    # --env takes as many words as follow, so that another option has to end it.
    words = ["claude", "mcp", "add", *variables, "--scope", "user", SERVER_NAME, "--"]
    return shlex.join([*words, entry.command, *entry.args])


def _openclaw_command(entry: _Entry) -> str:
    return shlex.join(["openclaw", "mcp", "set", SERVER_NAME, json.dumps(asdict(entry))])


# Hosts that can be told by a command, too.
_COMMANDS = {"claude-code": _claude_code_command, "openclaw": _openclaw_command}
