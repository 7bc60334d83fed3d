"""`order-skills init`: ask for the key, try it, keep it, and say how a host gets the server.

Questions and answers go to standard error; standard output is what `config HOST` prints.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path

from order_skills import settings
from order_skills.commands import HOSTS, host_config, terminal
from order_skills.commands.checks import folder_problem, making_problem, try_store
from order_skills.commands.config_file import CannotEdit, read_text, with_store, write_private
from order_skills.errors import ConfigurationError
from order_skills.settings_file import read_config
from order_skills.settings_platforms import KEY_VARIABLES, PLATFORMS, checked_key
from order_skills.settings_source import Source
from order_skills.settings_stores import StoreSettings, checked_store_id, read_store
from order_skills.settings_values import BadValue

DEFAULT_PLATFORM = "clawver"


def run(
    environ: Mapping[str, str], config: Path | None, platform: str | None, *, replace: bool
) -> int:
    """Set a store up with the person at the terminal, and return the exit code.

    Args:
        config: the file to write, by default `config.toml` of the home.
        platform: whose store it is; None asks.
        replace: exchange the key of a store that is there already.

    Raises:
        ConfigurationError: there is no terminal, a setting or the key cannot be used, or the
            store is there already. Nothing was written.
    """
    if not sys.stdin.isatty():
        variables = " and ".join(PLATFORMS[platform or DEFAULT_PLATFORM].key_variables)
        raise ConfigurationError(
            "init",
            f"asks for the key at a terminal, and this is none; set {variables} instead, "
            "or write the key into config.toml",
        )
    kept = {name: value for name, value in environ.items() if name not in KEY_VARIABLES}
    home = settings.load(kept, sandbox=True).home
    path = (config or home / settings.CONFIG_NAME).absolute()
    _check_place(path, home)
    present = (read_config(path) or {}).get("stores")
    platform = platform or _asked_platform()
    if isinstance(present, dict) and platform in present and not replace:
        raise ConfigurationError(
            f"stores.{platform} in {path}",
            f"is there already; run `order-skills init --replace --platform {platform}` to "
            "exchange its key",
        )
    store, trust_env = _store(platform, path, {**kept, **_asked(platform)})
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
    print(f"The {PLATFORMS[platform].title} key works and is kept in {path}.", file=sys.stderr)
    for variable in PLATFORMS[platform].key_variables:
        if variable in environ:
            print(f"{variable} is set here, too, and wins over the file.", file=sys.stderr)
    return _offer_host(environ, config)


def _check_place(path: Path, home: Path) -> None:
    problem = folder_problem(home) if path.parent == home else making_problem(path)
    if problem:
        raise ConfigurationError(
            "ORDER_SKILLS_HOME" if path.parent == home else "--config", problem
        )


def _asked_platform() -> str:
    words = ", ".join(PLATFORMS)
    terminal.ask_about([f"Whose store is it? {words} (Enter: {DEFAULT_PLATFORM})"])
    given = terminal.answered("Platform: ").strip().lower() or DEFAULT_PLATFORM
    if given not in PLATFORMS:
        raise ConfigurationError("the platform", f"must be one of {words}")
    return given


def _asked(platform: str) -> dict[str, str]:
    """The key, and the store's id where there is one, under the names of their variables."""
    facts = PLATFORMS[platform]
    key = terminal.hidden(f"{facts.title} key (not shown while you type): ")
    if key is None:
        raise ConfigurationError("the key", "could not be read without showing it")
    found, name = {}, "the key"
    try:
        found[facts.key_variable] = checked_key(platform, key.strip()).reveal()
        if facts.store_id_variable is not None:
            name = "the store's id"
            given = terminal.answered(f"{facts.title} store id: ").strip()
            found[facts.store_id_variable] = checked_store_id(given)
    except BadValue as bad:
        raise ConfigurationError(f"{name} for {facts.title}", str(bad)) from None
    return found


def _store(platform: str, path: Path, environ: Mapping[str, str]) -> tuple[StoreSettings, bool]:
    """The store as it will be and `trust_env`, so that what is tried is what will be used."""
    trust_env = False
    if path.exists():
        found = settings.load(environ, path)
        store, trust_env = next(s for s in found.stores if s.name == platform), found.trust_env
    else:
        table = Source({"platform": platform}, str)
        store = read_store(platform, table, environ, settings.SERVED)
    return changed(store, key_setting=f"typed for {store.key_setting}"), trust_env


def _new_text(path: Path, store: StoreSettings) -> str:
    old = read_text(path)
    url = store.url if store.url != PLATFORMS[store.platform].url else None
    try:
        return with_store(old, store.platform, store.key.reveal(), url=url, store_id=store.store_id)
    except CannotEdit:
        raise ConfigurationError(
            str(path),
            f"is written in a way that cannot be changed safely; edit stores.{store.platform}",
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
