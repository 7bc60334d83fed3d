"""`order-skills serve`: the server over stdio, for the configured stores or embedded ones."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from order_skills import logs, settings
from order_skills.commands import no_store
from order_skills.errors import ConfigurationError

if TYPE_CHECKING:
    from order_skills.quick_start.front import Start


def run(
    environ: Mapping[str, str],
    config: Path | None,
    *,
    sandbox: bool,
    platforms: Sequence[str] = (),
    http: str | None = None,
    start: "Start | None" = None,
) -> int:
    """Serve until the input ends, or over HTTP until a signal; the exit code.

    Args:
        http: HOST:PORT to serve at, instead of standard input and output.
        platforms: those of the embedded stores; none is Clawver's alone.
        start: what was answered already, over stdio.

    Raises:
        ConfigurationError: a setting cannot be used, or there is no store.
    """
    if platforms and not sandbox:
        raise ConfigurationError(
            "--platform",
            "chooses embedded stores and needs --sandbox; other stores are served where their "
            "key is set",
        )
    found = settings.load(
        environ, config, sandbox=sandbox, embedded=platforms or settings.DEFAULT_EMBEDDED
    )
    if not found.stores and not sandbox:
        raise no_store(
            "set one of them or run `order-skills init`, "
            "or try without a key: order-skills serve --sandbox"
        )
    logs.configure(found.log, found.secrets(), calls=http is not None)
    if http is not None:
        gc.enable()
        return _over_http(found, http)
    from order_skills.lifetime import serve_stdio

    return serve_stdio(found, start)


def _over_http(found: settings.Settings, address: str) -> int:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise _no_address()
    # Here, because it loads the HTTP server.
    import ipaddress

    from order_skills import http_listener, replicas
    from order_skills.lifetime import serve_http

    if host == "localhost":
        host = "127.0.0.1"
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise _no_address() from None
    if not loopback and not (found.http.signs_in and found.http.hosts):
        missing = "[http] hosts or url" if found.http.signs_in else "a sign-in"
        raise ConfigurationError(
            "--http",
            f"must be 127.0.0.1, [::1] or localhost, because other machines need {missing}: "
            "see references/operations.md",
        )
    replicas.check(found)
    try:
        listener = http_listener.bound(host, int(port))
    except OSError as error:
        raise ConfigurationError("--http", f"cannot be used ({error.strerror or error})") from None
    return serve_http(found, listener)


def _no_address() -> ConfigurationError:
    return ConfigurationError("--http", "must be ADDRESS:PORT, such as 127.0.0.1:8000")
