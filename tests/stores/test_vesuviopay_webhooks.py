"""Whether a webhook really comes from VesuvioPay."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.sandbox import Sandbox
from order_skills.sandbox.values import numbered
from order_skills.sandbox.vesuviopay_wire import signature
from order_skills.stores.vesuviopay_webhooks import verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET, OTHER = "whsec_0123456789abcdef", "whsec_fedcba9876543210"
BODY = b'{"id":"evt_1","type":"order.created"}'
GOOD = signature(SECRET, BODY)
DIGEST = GOOD.removeprefix("sha256=")

stable = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def accepts(header, body=BODY, secrets=(SECRET,)):
    return verify({"X-Webhook-Signature": header}, body, secrets, NOW)


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER, SECRET), ("", SECRET), (SECRET, OTHER)])
def test_g27_a_true_signature_is_accepted_by_any_of_the_secrets(secrets):
    assert accepts(GOOD, secrets=secrets)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        DIGEST,
        f"sha1={DIGEST}",
        f"SHA256={DIGEST}",
        f"sha256={DIGEST.upper()}",
        f"sha256={DIGEST[:-1]}",
        f"sha256={DIGEST}0",
        f"sha256={DIGEST} ",
        f"sha256={DIGEST},sha256={DIGEST}",
        f"sha256={'0' * 64}",
        "sha256=é",
    ],
)
def test_g27_anything_else_is_refused_without_an_error(header):
    assert not accepts(header)


@pytest.mark.parametrize("secrets", [(), ("",), (OTHER,)])
def test_without_the_secret_nothing_is_accepted(secrets):
    assert not accepts(GOOD, secrets=secrets)
    assert not accepts(signature("", BODY), secrets=secrets)


@pytest.mark.parametrize("body", [BODY + b"\n", BODY.replace(b":", b": "), b"", b"{}"])
def test_the_raw_bytes_are_signed_and_no_others(body):
    assert not accepts(GOOD, body=body)


def test_two_headers_are_none():
    both = {"X-Webhook-Signature": GOOD, "x-webhook-signature": GOOD}
    assert not verify(both, BODY, (SECRET,), NOW)
    assert not verify({}, BODY, (SECRET,), NOW)


@stable
@given(st.text(max_size=200), st.binary(max_size=50))
def test_no_header_makes_it_fail(header, body):
    assert accepts(header, body=body) is False


def test_what_the_embedded_store_signs_is_accepted():
    box = Sandbox("vesuviopay", now=lambda: NOW)
    hook = box.shop.add_webhook("https://example.com", ("order.shipped",), SECRET, NOW)
    sent = box.sign_event("order.shipped", numbered(1003), webhook_id=hook.id)
    assert verify(sent.headers, sent.body, (SECRET,), NOW)
    assert numbered(1003).encode() in sent.body
