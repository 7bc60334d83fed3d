"""`order-skills sandbox`: the embedded store as an HTTP server on loopback."""

from pathlib import Path

from order_skills.errors import ConfigurationError
from order_skills.sandbox import Sandbox
from order_skills.sandbox import data as shop_data
from order_skills.sandbox.http_server import run as serve


def run(platform: str, port: int, data: Path | None) -> int:
    """Serve until interrupted, and return the exit code.

    Args:
        port: on 127.0.0.1; 0 takes a free one.
        data: a shop in JSON; None is the demonstration shop.

    Raises:
        ConfigurationError: the data file cannot be used.
    """
    try:
        box = Sandbox(platform=platform, data=shop_data.read(data) if data else None)
    except shop_data.DataError as error:
        raise ConfigurationError("--data", str(error)) from None
    return serve(box, port)
