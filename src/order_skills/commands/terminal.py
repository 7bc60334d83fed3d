"""The person at the terminal: who they are, what they are asked, and what they are shown."""

import getpass
import sys
import warnings
from collections.abc import Iterable

from order_skills.errors import ConfigurationError
from order_skills.text import clean

# Longer than a login name is on any system.
_NAME_CAP = 64


def plain(text: str) -> str:
    """The text in one line that cannot steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def say(text: str) -> None:
    """One line on standard error."""
    print(f"order-skills: {plain(text)}", file=sys.stderr)


def tell(text: str) -> None:
    """One line on standard output."""
    print(plain(text), flush=True)


def sentence(text: str) -> str:
    """The text with a capital in front and a full stop behind."""
    stop = "" if text.endswith((".", "?", "!")) else "."
    return f"{text[:1].upper()}{text[1:]}{stop}"


def ask_about(lines: Iterable[str]) -> None:
    """What a question is about, on standard error, where the question is asked."""
    for line in lines:
        print(plain(line), file=sys.stderr)


def who() -> str:
    """Who runs this command, as the ledger writes it down."""
    try:
        name = clean(getpass.getuser(), _NAME_CAP)
    except (OSError, KeyError, ImportError):
        name = ""
    return f"command ({name or 'unknown user'})"


def must_be_one(command: str) -> None:
    """Refuses where standard input is no terminal: a program could answer there.

    Raises:
        ConfigurationError: it is none.
    """
    # It is None where the descriptor was closed before the start.
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(
            command, "is answered by a person at a terminal, and standard input is none"
        )


def answered(question: str) -> str:
    """One line from standard input, as it was typed; empty where the input ended."""
    print(question, end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        return ""
    if not line.endswith("\n"):
        # The input ended: no line was given, and the cursor still stands behind the question.
        print(file=sys.stderr)
        return ""
    return line.removesuffix("\n")


def hidden(question: str) -> str | None:
    """One line that is not shown while it is typed; None where the input ended.

    Raises:
        ConfigurationError: the terminal would show it.
    """
    try:
        with warnings.catch_warnings():
            # A terminal whose echo stays on would show it.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(question, sys.stderr)
    except (EOFError, UnicodeDecodeError):
        return None
    except getpass.GetPassWarning:
        raise ConfigurationError("the passphrase", "could not be read unseen") from None


def knows_passphrase(kept: str | None, name: str = "Passphrase") -> bool:
    """Asks for the approval passphrase, where one is set; whether it is the one."""
    if kept is None:
        return True
    from order_skills.passphrase import matches

    given = hidden(f"{name} (not shown while you type): ")
    return given is not None and matches(given, kept)
