"""`order-skills init --passphrase`: set, change or remove what approvals ask for.

The settings file keeps a slow hash of it, in `approval_passphrase`, and nothing else of it.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from order_skills import settings
from order_skills.commands import terminal
from order_skills.commands.checks import folder_problem, making_problem
from order_skills.commands.config_file import CannotEdit, proven, read_text, write_private
from order_skills.errors import ConfigurationError
from order_skills.passphrase import MIN_LENGTH, hashed
from order_skills.settings_platforms import KEY_VARIABLES

_NAME = "approval_passphrase"
_OURS = re.compile(rf"\s*{_NAME}\s*=")
_HEADER = re.compile(r"\s*\[")
_NEW_FILE = "# Settings of order-skills.\n"


def run(environ: Mapping[str, str], config: Path | None) -> int:
    """Ask for it at the terminal and keep its hash; the exit code.

    Raises:
        ConfigurationError: there is no terminal, or the file cannot be used or changed.
    """
    terminal.must_be_one("init --passphrase")
    kept = {name: value for name, value in environ.items() if name not in KEY_VARIABLES}
    home = settings.load(kept, sandbox=True).home
    path = (config or home / settings.CONFIG_NAME).absolute()
    problem = folder_problem(home) if path.parent == home else making_problem(path)
    if problem:
        raise ConfigurationError(_NAME, problem)
    present = settings.load(kept, path).approval_passphrase if path.exists() else None
    if not terminal.knows_passphrase(present, "Present passphrase"):
        terminal.say("that is not the passphrase; nothing was changed")
        return 1
    new = _asked(present is not None)
    if new is None:
        return 1
    if path.parent == home:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _keep(path, new)


def with_passphrase(text: str, kept: str | None) -> str:
    """The file's text with this hash, or without any; every other setting is as it was.

    Raises:
        CannotEdit: the text is written in a form in which its lines cannot be told apart.
    """
    lines = (text or _NEW_FILE).splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if _HEADER.match(line)), len(lines))
    top = "".join(line for line in lines[:end] if not _OURS.match(line))
    if kept is not None:
        # Behind the last setting above the tables, so that the blank lines stay where they are.
        above = top.rstrip()
        below = top[len(above) :].removeprefix("\r").removeprefix("\n")
        top = "".join([above, "\n" if above else "", f'{_NAME} = "{kept}"\n', below])
    made = top + "".join(lines[end:])
    expected = tomllib.loads(text)
    expected.pop(_NAME, None)
    if kept is not None:
        expected[_NAME] = kept
    return proven(made, expected)


def _asked(is_set: bool) -> str | None:
    """The new passphrase, typed twice; empty: none any more; None: nothing is to be changed."""
    removes = "; Enter alone removes it" if is_set else ""
    new = terminal.hidden(f"New passphrase (not shown while you type{removes}): ")
    if new is None or (not new and not is_set):
        terminal.say("no passphrase was given; nothing was changed")
        return None
    if new and len(new) < MIN_LENGTH:
        terminal.say(f"it must have at least {MIN_LENGTH} characters; nothing was changed")
        return None
    if terminal.hidden("The same once more: ") != new:
        terminal.say("these are not the same; nothing was changed")
        return None
    return new


def _keep(path: Path, new: str) -> int:
    old = read_text(path)
    try:
        write_private(path, with_passphrase(old, hashed(new) if new else None))
    except CannotEdit:
        raise ConfigurationError(
            str(path), f"is written in a way that cannot be changed safely; edit {_NAME}"
        ) from None
    except UnicodeEncodeError:
        terminal.say("it holds what is no character; nothing was changed")
        return 1
    except OSError as error:
        terminal.say(f"{path} cannot be written ({error.strerror})")
        return 1
    if new:
        told = (
            "The passphrase is set: approve, resolve and unfreeze ask for it, and a host's form "
            "approves no more."
        )
    else:
        told = "The passphrase is removed."
    terminal.ask_about([told, f"Restart the servers that run, to have them read {path} again."])
    return 0
