"""The commands of the command line, one file each."""

from order_skills.errors import ConfigurationError

# The agent hosts whose configuration `config HOST` prints.
HOSTS = ("claude-desktop", "claude-code", "cursor", "vscode", "openclaw")


def no_store(then: str) -> ConfigurationError:
    """The error where no store is configured, with what to do then."""
    from order_skills.settings_platforms import PLATFORMS

    first, *others = [platform.key_variable for platform in PLATFORMS.values()]
    return ConfigurationError(
        first, f"is not set, and no store is configured otherwise ({', '.join(others)}); {then}"
    )
