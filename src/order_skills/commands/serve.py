"""`order-skills serve`: the server over stdio, for the configured stores or embedded ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from order_skills import logs, settings
from order_skills.commands import no_store
from order_skills.errors import ConfigurationError


def run(
    environ: Mapping[str, str],
    config: Path | None,
    *,
    sandbox: bool,
    platforms: Sequence[str] = (),
) -> int:
    """Serve until the input ends, and return the exit code.

    Args:
        platforms: those of the embedded stores; none is Clawver's alone.

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
    logs.configure(found.log, found.secrets())
    from order_skills.lifetime import serve_stdio

    return serve_stdio(found)
