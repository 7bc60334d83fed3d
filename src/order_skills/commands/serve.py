"""`order-skills serve`: the server over stdio, for the configured stores or the embedded one."""

from collections.abc import Mapping
from pathlib import Path

from order_skills import logs, settings
from order_skills.errors import ConfigurationError


def run(environ: Mapping[str, str], config: Path | None, *, sandbox: bool) -> int:
    """Serve until the input ends, and return the exit code.

    Raises:
        ConfigurationError: a setting cannot be used, or there is no store.
    """
    found = settings.load(environ, config, sandbox=sandbox)
    if not found.stores and not sandbox:
        raise ConfigurationError(
            "CLAW_API_KEY",
            "is not set, and no store is configured otherwise; set it or run `order-skills init`, "
            "or try without a key: order-skills serve --sandbox",
        )
    logs.configure(found.log, found.secrets())
    from order_skills.lifetime import serve_stdio

    return serve_stdio(found)
