"""Logs: standard error alone, one JSON object a line, no secret in any of them.

Only this package's own loggers follow the setting. The libraries stay at `warning`, because
below it they write headers and bodies, which hold keys and customers' data.

A record may carry named facts, as `extra={"facts": {…}}`: they stand beside the message as
fields of their own. What is written while a call is served carries the call's `request_id`.
"""

import base64
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from order_skills.errors import OrderSkillsError

HIDDEN = "[hidden]"
# As much of a key as says which one it is; a longer piece of it would be of use to a thief.
PREFIX_LENGTH = 16
MIN_FORM = 6
# More frames than these say no more about where a failure began.
MAX_FRAMES = 8
# Nothing of ours is longer; a library quotes what a client sent, which could fill a disk.
MAX_MESSAGE_LENGTH = 2_000
MAX_FACT_LENGTH = 200

# One line for each tool call is written here; a service is always asked who did what.
CALLS = "order_skills.calls"

# The call that is being served, by an id of ours; None between calls.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# Any store's key, ours or not, by the prefixes of their kinds; and whatever authorises.
_LIKE_A_KEY = (
    r"\b(?:claw_sk_|pnapi_|clv_(?:live|test)_|sk_(?:live|test)_|whsec_)[\w.-]+",
    r"\b(?:ost_|eyJ)[\w.-]+",
    r"(?i:\b(?:bearer|apikey)\s+[^\s\"']+)",
    r"(?i:\bpostgresql://[^\s@/]+@)",
)

Redact = Callable[[str], str]


def redactor(secrets: Iterable[str]) -> Redact:
    """A function that hides these secrets in a text, and everything that looks like a key.

    It knows each in plain text, cut off behind its first 16 characters, in the escapes of
    URLs and JSON, and in Base64 wherever in the encoded bytes it stood.
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    # The longest first: a form inside another one would leave the rest of it standing.
    known = [re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))]
    cut = [
        re.escape(secret[:PREFIX_LENGTH]) + r"[\w.~+/=-]*"
        for secret in secrets
        if len(secret) > PREFIX_LENGTH
    ]
    pattern = re.compile("|".join((*known, *cut, *_LIKE_A_KEY)))
    return lambda text: pattern.sub(HIDDEN, text)


def configure(level: str, secrets: Iterable[str], *, calls: bool = False) -> None:
    """Send this process's logs to standard error, from `level` on (`warning`, `info`, `debug`).

    Args:
        calls: whether each tool call is written down at every level, as a service does it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(redactor(tuple(secrets))))
    # A failure to log is no reason to print a traceback, which could hold what was logged.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("order_skills").setLevel(level.upper())
    logging.getLogger(CALLS).setLevel(logging.INFO if calls else logging.NOTSET)


class OneLine(logging.Formatter):
    """A record as one line of ASCII JSON, with the secrets hidden."""

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, str | int | float] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage())[:MAX_MESSAGE_LENGTH],
        }
        if (serving := request_id.get()) is not None:
            line["request_id"] = serving
        for name, fact in self._facts(record).items():
            line.setdefault(name, fact)
        if record.exc_info and record.exc_info[1]:
            line["exception"] = self._redact(describe(record.exc_info[1]))
        return json.dumps(line)

    def _facts(self, record: logging.LogRecord) -> dict[str, str | int | float]:
        given = getattr(record, "facts", None)
        facts = {} if not isinstance(given, Mapping) else given
        return {
            str(name): fact
            if isinstance(fact, int | float)
            else self._redact(str(fact))[:MAX_FACT_LENGTH]
            for name, fact in facts.items()
            if fact is not None
        }


def describe(error: BaseException) -> str:
    """What went wrong and where, without the values that were at hand.

    Only our own errors say more than their kind: a library's may quote a request or an answer.
    """
    kind = type(error).__name__
    said = f"{kind}: {error}" if isinstance(error, OrderSkillsError) else kind
    places = _places(error.__traceback__)
    return f"{said} at {' < '.join(places)}" if places else said


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-MAX_FRAMES:]
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)]


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    for before in range(3):
        # Base64 writes three bytes at a time, so what stands before a text changes its form;
        # the characters that it shares with its neighbours are left out on both sides.
        encoded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        shared = (0, 2, 3)[before]
        tail = len(encoded) - (1 if (before + len(raw)) % 3 else 0)
        forms.add(encoded[shared:tail])
        forms.add(encoded[shared:tail].translate(str.maketrans("+/", "-_")))
    # What is shorter is a word that stands in harmless texts, too.
    return {form for form in forms if len(form) >= MIN_FORM}
