"""Where state lives unless the owner says otherwise."""

import sys
from collections.abc import Mapping
from pathlib import Path

from order_skills.errors import ConfigurationError


def default_home(environ: Mapping[str, str]) -> Path:
    """The platform's folder for a user's data, as its conventions have it.

    Raises:
        ConfigurationError: the environment names none.
    """
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = environ.get("HOME", "") and environ["HOME"] + "/Library/Application Support"
    else:
        base = environ.get("XDG_DATA_HOME", "")
        if not Path(base).is_absolute():
            # Its specification says to ignore a relative one.
            base = environ.get("HOME", "") and environ["HOME"] + "/.local/share"
    if not Path(base).is_absolute():
        raise ConfigurationError(
            "ORDER_SKILLS_HOME", "is not set, and there is no user data folder to take instead"
        )
    return Path(base) / "order-skills"


def secret_file(home: Path, store: str) -> Path:
    """Where the secrets of a store's webhooks are that were made or taken in here."""
    # A store's name can stand in a file's name; settings have made sure of it.
    return home / f"webhook-secrets-{store}.json"
