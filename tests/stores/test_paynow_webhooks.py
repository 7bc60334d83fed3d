"""Whether a webhook really comes from PayNow: each right and each wrong signature by name."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from order_skills.sandbox import Sandbox
from order_skills.sandbox.paynow_seed import order_id
from order_skills.stores.paynow_webhooks import verify

SECRET, OTHER = "whsec-one", "whsec-two"
BODY = b'{"event_type":"ON_ORDER_COMPLETED","body":{"id":"1"}}'
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp() * 1000))


def digest(secret=SECRET, stamp=STAMP, body=BODY):
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).digest()


def b64(raw):
    return base64.b64encode(raw).decode()


def headers(signature=None, stamp=STAMP):
    return {
        "PayNow-Signature": b64(digest(stamp=stamp)) if signature is None else signature,
        "PayNow-Timestamp": stamp,
    }


def good(given=None, body=BODY, secrets=(SECRET,), now=NOW):
    return verify(headers() if given is None else given, body, secrets, now)


@pytest.mark.parametrize(
    "signature",
    [
        b64(digest()),
        digest().hex(),
        digest().hex().upper(),
        f" {b64(digest())} ",
        f"{b64(digest(OTHER))},{b64(digest())}",
        f"{b64(digest())}, {b64(digest(OTHER))}",
        f"nonsense,,{digest().hex()}",
    ],
)
def test_a_digest_is_base64_or_hexadecimal_and_may_stand_among_others(signature):
    assert good(headers(signature))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        ",",
        ",,,,",
        "sha256=" + digest().hex(),
        b64(digest())[:-2],
        b64(digest()) + "A",
        b64(digest()[:31]),
        b64(digest() + b"\0"),
        digest().hex()[:-1],
        digest().hex() + "0",
        b64(digest(OTHER)),
        b64(digest(body=BODY + b" ")),
        b64(hashlib.sha256(BODY).digest()),
        b64(hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()),
        b64(hmac.new(SECRET.encode(), BODY, hashlib.sha1).digest()),
        "é" * 44,
        "\ud800",
        "=" * 44,
        ",".join(["AAAA"] * 1000 + [b64(digest())]),
    ],
)
def test_any_other_signature_is_refused(signature):
    assert not good(headers(signature))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY + b"\n",
        BODY.replace(b'"1"', b'"2"'),
        BODY.replace(b":", b": "),
        BODY.replace(b",", b",\r\n"),
        b'{"body":{"id":"1"},"event_type":"ON_ORDER_COMPLETED"}',
    ],
)
def test_another_body_even_of_the_same_meaning_is_refused(body):
    assert not good(body=body)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, True), (299, True), (300, True), (301, False), (-300, True), (-301, False), (1e6, False)],
)
def test_five_minutes_are_tolerated_in_both_directions(seconds, expected):
    assert good(now=NOW + timedelta(seconds=seconds)) is expected


@pytest.mark.parametrize(
    "stamp",
    [
        str(int(NOW.timestamp())),
        STAMP + "000",
        "",
        "0",
        "-" + STAMP,
        "+" + STAMP,
        STAMP + ".0",
        f" {STAMP}",
        "1e12",
        "١٧٧٢٣٦٦٤٠٠٠٠٠",
        "9" * 400,
        "now",
    ],
)
def test_a_time_that_is_no_number_of_milliseconds_is_refused_though_it_is_signed(stamp):
    assert not good(headers(b64(digest(stamp=stamp)), stamp))


def test_the_time_is_part_of_what_is_signed():
    moved = str(int(STAMP) + 1000)
    assert not good(headers(b64(digest()), moved))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"PayNow-Signature": b64(digest())},
        {"PayNow-Timestamp": STAMP},
        {**headers(), "paynow-signature": b64(digest())},
        {**headers(), "paynow-timestamp": STAMP},
        {"X-PayNow-Signature": b64(digest()), "X-PayNow-Timestamp": STAMP},
    ],
)
def test_each_header_must_be_there_once(given):
    assert not good(given)


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_the_case_of_a_headers_name_does_not_matter(change):
    assert good({change(name): value for name, value in headers().items()})


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ((SECRET, OTHER), True),
        ((OTHER, SECRET), True),
        ((OTHER,), False),
        ((), False),
        (("",), False),
    ],
)
def test_while_a_secret_changes_each_of_them_is_good_and_an_empty_one_never(secrets, expected):
    assert good(secrets=secrets) is expected


def test_a_digest_made_with_an_empty_secret_is_refused():
    assert not good(headers(b64(digest(""))), secrets=("",))


def test_what_the_sandbox_signs_is_good():
    box = Sandbox("paynow", now=lambda: NOW)
    box.shop.add_webhook("https://hooks.example.com", ("ON_REFUND",), SECRET, NOW)
    sent = box.sign_event("ON_REFUND", order_id(55))
    assert verify(sent.headers, sent.body, [SECRET], NOW)
    assert not verify(sent.headers, sent.body, [OTHER], NOW)
