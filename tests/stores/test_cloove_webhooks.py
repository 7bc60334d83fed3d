"""Whether a webhook really comes from Cloove."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.sandbox import Sandbox
from order_skills.sandbox.cloove_wire import signature
from order_skills.sandbox.values import numbered
from order_skills.stores.cloove_webhooks import verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SECRET, OTHER = "whsec_0123456789abcdef", "whsec_fedcba9876543210"
BODY = b'{"id":"evt_1","type":"order.created"}'
GOOD = signature(SECRET, AT, BODY)
DIGEST = GOOD.partition("v1=")[2]

stable = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def accepts(header, body=BODY, secrets=(SECRET,), now=NOW):
    return verify({"Cloove-Signature": header}, body, secrets, now)


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (GOOD, (SECRET,)),
        (GOOD, (OTHER, SECRET)),
        (GOOD, ("", SECRET)),
        (GOOD.replace(",", ", "), (SECRET,)),
        (f"t={AT},v1={'0' * 64},v1={DIGEST}", (SECRET,)),
        (f"v1={DIGEST},t={AT},v0=x", (SECRET,)),
    ],
    ids=["good", "second-secret", "after-an-empty-one", "spaces", "second-digest", "other-order"],
)
def test_g27_a_true_signature_is_accepted(header, secrets):
    assert accepts(header, secrets=secrets)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        f"v1={DIGEST}",
        f"t={AT}",
        f"t={AT},v1=",
        f"t={AT},v1={DIGEST.upper()}",
        f"t={AT},v1={DIGEST[:-1]}",
        f"t={AT},v1={DIGEST}0",
        f"t={AT},v2={DIGEST}",
        f"t={AT},t={AT},v1={DIGEST}",
        f"t={AT}.0,v1={DIGEST}",
        f"t=-{AT},v1={DIGEST}",
        f"t={AT}000,v1={DIGEST}",
        f"t={'9' * 40},v1={DIGEST}",
        f"t={AT + 1},v1={DIGEST}",
        "t=१,v1=é",
        f"t={AT}," + "v1=" + "0" * 64 + (",v1=" + "0" * 64) * 8 + f",v1={DIGEST}",
    ],
)
def test_g27_anything_else_is_refused_without_an_error(header):
    assert not accepts(header)


@pytest.mark.parametrize("secrets", [(), ("",), (OTHER,), ("", OTHER)])
def test_without_the_secret_nothing_is_accepted(secrets):
    assert not accepts(GOOD, secrets=secrets)


def test_an_empty_secret_signs_nothing():
    assert not accepts(signature("", AT, BODY), secrets=("",))


@pytest.mark.parametrize("body", [BODY + b"\n", BODY.replace(b":", b": "), b"", b"{}"])
def test_the_raw_bytes_are_signed_and_no_others(body):
    assert not accepts(GOOD, body=body)


@pytest.mark.parametrize(
    ("age", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_a_signature_is_good_for_five_minutes_in_seconds(age, accepted):
    assert accepts(GOOD, now=NOW + timedelta(seconds=age)) is accepted


def test_two_headers_are_none():
    both = {"Cloove-Signature": GOOD, "cloove-signature": GOOD}
    assert not verify(both, BODY, (SECRET,), NOW)
    assert not verify({}, BODY, (SECRET,), NOW)


@stable
@given(st.text(max_size=200), st.binary(max_size=50))
def test_no_header_makes_it_fail(header, body):
    assert accepts(header, body=body) is False


def test_what_the_embedded_store_signs_is_accepted():
    box = Sandbox("cloove", now=lambda: NOW)
    hook = box.shop.add_webhook("https://example.com", ("order.created",), SECRET, NOW)
    sent = box.sign_event("order.created", numbered(1001), webhook_id=hook.id)
    assert verify(sent.headers, sent.body, (SECRET,), NOW)
    assert numbered(1001).encode() in sent.body
    assert b"alex.river" not in sent.body
