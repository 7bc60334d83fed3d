"""Logs are one line each, on standard error, and hold no secret."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from order_skills.errors import ConfigurationError
from order_skills.logs import HIDDEN, describe, redactor

# With what URLs and JSON escape in it, and of no known form.
KEY = 'canary/+key"with\\every=thing~0123456789'

SETUP = f"""
import logging, sys, warnings
from order_skills import logs
KEY = {KEY!r}
logs.configure(sys.argv[1], [KEY])
log = logging.getLogger("order_skills.http")
"""


def logged(code: str, level: str = "debug") -> tuple[str, list[dict[str, str]]]:
    """What a process that logs like this writes: standard output, and each line of its logs."""
    environ = {"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code, level],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, [json.loads(line) for line in done.stderr.splitlines()]


def encoded_forms() -> list[str]:
    """The key in the forms in which it might get into a text."""
    raw = KEY.encode()
    surrounded = [b"Bearer " + raw, b"a:" + raw + b":b", raw + b":", b"xyz" + raw]
    return [
        KEY,
        quote(KEY, safe=""),
        json.dumps({"key": KEY}),
        KEY[:20],
        f"prefix{KEY}suffix",
        *(base64.b64encode(text).decode() for text in (raw, *surrounded)),
        *(base64.urlsafe_b64encode(text).decode() for text in surrounded),
    ]


def longest_piece_of_key(text: str, source: str) -> int:
    """The length of the longest piece of `source` that stands in `text`."""
    return max(
        (
            size
            for size in range(1, len(source) + 1)
            if any(source[i : i + size] in text for i in range(len(source) - size + 1))
        ),
        default=0,
    )


@pytest.mark.parametrize("form", encoded_forms())
def test_a_key_is_hidden_in_every_form(form: str) -> None:
    shown = redactor([KEY])(f"before {form} after")
    assert HIDDEN in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    encoded = base64.b64encode(KEY.encode()).decode()
    assert longest_piece_of_key(shown, KEY) < 6
    assert longest_piece_of_key(shown, encoded[3:-3]) < 6


@pytest.mark.parametrize(
    "text",
    [
        "claw_sk_live_0123abcd",
        "pnapi_v1_0123abcd",
        "clv_live_sk_0123abcd",
        "sk_live_0123abcd",
        "whsec_0123abcd",
        "Authorization: Bearer 0123abcd",
        "authorization: apikey 0123abcd",
        "postgresql://orders:0123abcd@db/x",
    ],
)
def test_what_looks_like_a_key_is_hidden_though_nobody_named_it(text: str) -> None:
    shown = redactor([])(f"got {text} there")
    assert "0123abcd" not in shown
    assert shown.startswith("got ")
    assert shown.endswith(" there")
    assert shown.count(HIDDEN) == 1


def test_harmless_text_stays_as_it_is() -> None:
    text = "order ord_42 was read in 12 ms from https://api.clawver.store/v1/orders"
    assert redactor([KEY, "a"])(text) == text


def test_a_record_is_one_line_of_json_on_standard_error_l2() -> None:
    out, lines = logged(r'log.warning("a\n{\"level\": \"error\"}\r\x1b[2J\u202e %s", "b\nc")')
    assert out == ""
    (line,) = lines
    assert line["level"] == "warning"
    assert line["logger"] == "order_skills.http"
    assert line["message"] == 'a\n{"level": "error"}\r\x1b[2J\u202e b\nc'
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("warning", ["warning"]),
        ("info", ["info", "warning"]),
        ("debug", ["debug", "info", "warning"]),
    ],
)
def test_the_level_is_the_least_that_is_written(level: str, heard: list[str]) -> None:
    _, lines = logged("log.debug('a'); log.info('b'); log.warning('c')", level)
    assert [line["level"] for line in lines] == heard


def test_libraries_are_heard_from_warning_on_even_at_debug_l7() -> None:
    code = """
for name in ("httpx2", "httpcore.http11", "mcp.server", "asyncio"):
    logging.getLogger(name).debug("Authorization and a body")
    logging.getLogger(name).info("GET https://x/?token=1")
logging.getLogger("httpx2").warning("odd")
warnings.warn("old")
"""
    _, lines = logged(code)
    assert [line["logger"] for line in lines] == ["httpx2", "py.warnings"]


def test_a_key_in_a_message_or_its_arguments_is_hidden_l7() -> None:
    _, lines = logged('log.debug("sent %s", {"Authorization": "Bearer " + KEY}); log.info(KEY)')
    assert [line["message"].count(HIDDEN) for line in lines] == [1, 1]
    assert all("canary" not in str(line) for line in lines)


def test_an_exception_is_told_by_kind_and_place_without_what_it_held_l4() -> None:
    code = """
class Failed(Exception): pass
def send(request):
    raise Failed(f"could not send {request}")
try:
    send({"email": "jane@example.com", "key": KEY})
except Failed:
    log.exception("refund failed")
"""
    _, (line,) = logged(code)
    assert line["message"] == "refund failed"
    assert line["exception"].startswith("Failed at <string>:")
    assert "jane" not in str(line)
    assert "canary" not in str(line)


def test_a_record_that_cannot_be_formatted_is_dropped_without_a_traceback() -> None:
    out, lines = logged('log.info("%d", KEY); log.info("next")')
    assert out == ""
    assert [line["message"] for line in lines] == ["next"]


def test_our_own_errors_are_told_in_full() -> None:
    error = ConfigurationError("ORDER_SKILLS_LOG", "must be debug")
    assert describe(error) == "ConfigurationError: ORDER_SKILLS_LOG: must be debug"
    assert describe(ValueError("secret")) == "ValueError"


def test_facts_stand_in_fields_of_their_own_bounded_and_without_secrets_l2() -> None:
    code = r"""
facts = {"event": "seen", "took": 1.5, "none": None, "key": KEY, "long": "x" * 5000,
         "forged": "a\n{\"level\": \"error\"}", "level": "error", "message": "another"}
log.warning("seen", extra={"facts": facts})
"""
    _, (line,) = logged(code)
    assert (line["event"], line["took"], line["key"]) == ("seen", 1.5, HIDDEN)
    assert line["forged"] == 'a\n{"level": "error"}'
    assert len(line["long"]) == 200
    # A fact takes the place of nothing.
    assert (line["level"], line["message"]) == ("warning", "seen")
    assert "none" not in line


def test_a_message_is_cut_where_no_honest_one_is_longer_h12() -> None:
    code = "logging.getLogger('mcp.server').warning('dropped %r', 'x' * 1_000_000 + KEY)"
    _, (line,) = logged(code)
    assert len(line["message"]) == 2000
    _, (line,) = logged("log.warning('x' * 1_990 + KEY)")
    assert longest_piece_of_key(line["message"], KEY) < 6


def test_what_is_written_while_a_call_is_served_carries_its_id() -> None:
    code = """
serving = logs.request_id.set("1f")
log.warning("within")
logs.request_id.reset(serving)
log.warning("after")
"""
    _, (within, after) = logged(code)
    assert within["request_id"] == "1f"
    assert "request_id" not in after


@pytest.mark.parametrize(
    ("level", "calls", "heard"),
    [
        ("warning", False, []),
        ("info", False, ["tool call"]),
        ("warning", True, ["tool call"]),
        ("debug", True, ["tool call", "other"]),
    ],
)
def test_a_service_writes_every_call_down_and_a_desktop_where_it_is_asked_to(
    level: str, calls: bool, heard: list[str]
) -> None:
    code = f"""
logs.configure(sys.argv[1], [KEY], calls={calls})
logging.getLogger(logs.CALLS).info("tool call")
log.debug("other")
"""
    _, lines = logged(code, level)
    assert [line["message"] for line in lines] == heard
