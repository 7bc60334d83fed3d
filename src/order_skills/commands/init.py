"""`order-skills init`: ask for the key, try it, keep it, and say how a host gets the server.

Questions and answers go to standard error; standard output is what `config HOST` prints.
"""

import getpass
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from order_skills import settings
from order_skills.commands import HOSTS, host_config
from order_skills.commands.checks import folder_problem, making_problem, try_store
from order_skills.commands.config_file import CannotEdit, with_store, write_private
from order_skills.errors import ConfigurationError
from order_skills.settings_file import read_config
from order_skills.settings_source import Source
from order_skills.settings_stores import (
    KEY_VARIABLES,
    PLATFORMS,
    StoreSettings,
    checked_key,
    read_store,
)
from order_skills.settings_values import BadValue

PLATFORM = "clawver"


def run(environ: Mapping[str, str], config: Path | None, *, replace: bool) -> int:
    """Set the store up with the person at the terminal, and return the exit code.

    Args:
        config: the file to write, by default `config.toml` of the home.
        replace: exchange the key of a store that is there already.

    Raises:
        ConfigurationError: there is no terminal, a setting or the key cannot be used, or the
            store is there already. Nothing was written.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "init",
            "asks for the key at a terminal, and this is none; set CLAW_API_KEY instead, "
            "or write the key into config.toml",
        )
    kept = {name: value for name, value in environ.items() if name not in KEY_VARIABLES}
    home = settings.load(kept, sandbox=True).home
    path = (config or home / settings.CONFIG_NAME).absolute()
    _check_place(path, home, replace=replace)
    store, trust_env = _store(path, kept, _asked())
    if problem := try_store(store, trust_env=trust_env):
        print(f"order-skills: {problem}. Nothing was written.", file=sys.stderr)
        return 1
    if path.parent == home:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_private(path, _new_text(path, store))
    except OSError as error:
        print(f"order-skills: {path} cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    print(f"The key works and is kept in {path}.", file=sys.stderr)
    if PLATFORMS[PLATFORM].key_variable in environ:
        print("CLAW_API_KEY is set here, too, and wins over the file.", file=sys.stderr)
    return _offer_host(environ, config)


def _check_place(path: Path, home: Path, *, replace: bool) -> None:
    stores = (read_config(path) or {}).get("stores")
    if isinstance(stores, dict) and PLATFORM in stores and not replace:
        raise ConfigurationError(
            f"stores.{PLATFORM} in {path}",
            "is there already; run `order-skills init --replace` to exchange its key",
        )
    problem = folder_problem(home) if path.parent == home else making_problem(path)
    if problem:
        raise ConfigurationError(
            "ORDER_SKILLS_HOME" if path.parent == home else "--config", problem
        )


def _asked() -> str:
    title = PLATFORMS[PLATFORM].title
    try:
        with warnings.catch_warnings():
            # A terminal whose echo stays on would show the key.
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass(f"{title} key (not shown while you type): ", sys.stderr).strip()
        return checked_key(PLATFORM, key).reveal()
    except (EOFError, getpass.GetPassWarning):
        raise ConfigurationError("the key", "could not be read without showing it") from None
    except BadValue as bad:
        raise ConfigurationError("the key", str(bad)) from None


def _store(path: Path, environ: Mapping[str, str], key: str) -> tuple[StoreSettings, bool]:
    """The store as it will be and `trust_env`, so that what is tried is what will be used."""
    with_key = {**environ, PLATFORMS[PLATFORM].key_variable: key}
    if path.exists():
        found = settings.load(with_key, path)
        return next(s for s in found.stores if s.name == PLATFORM), found.trust_env
    table = Source({"platform": PLATFORM}, str)
    return read_store(PLATFORM, table, with_key, settings.SERVED), False


def _new_text(path: Path, store: StoreSettings) -> str:
    old = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    url = store.url if store.url != PLATFORMS[PLATFORM].url else None
    try:
        return with_store(old, PLATFORM, store.key.reveal(), url)
    except CannotEdit:
        raise ConfigurationError(
            str(path), f"is written in a way that cannot be changed safely; edit stores.{PLATFORM}"
        ) from None


def _offer_host(environ: Mapping[str, str], config: Path | None) -> int:
    print(f"Which host starts the server? {', '.join(HOSTS)} (Enter: none now)", file=sys.stderr)
    print("> ", end="", file=sys.stderr, flush=True)
    host = sys.stdin.readline().strip()
    if host in HOSTS:
        return host_config.run(environ, config, host)
    file = f" --config '{config}'" if config else ""
    print(f"For its configuration, run: order-skills config HOST{file}", file=sys.stderr)
    return 0
