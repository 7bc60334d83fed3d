"""What every platform's verification of webhooks keeps: the bytes, the secret, and the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platforms import PLATFORMS, Platform

from order_skills.sandbox.box import SignedRequest
from order_skills.stores import (
    clawver_webhooks,
    cloove_webhooks,
    paynow_webhooks,
    vesuviopay_webhooks,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET, OLD, WRONG = "a-secret-of-the-owner", "the-secret-before-it", "what-nobody-has-made"
ALIKE = settings(max_examples=60, deadline=None, derandomize=True, database=None)

Verify = Callable[[Mapping[str, str], bytes, Sequence[str], datetime], bool]


@dataclass(frozen=True)
class Hook:
    """A platform's verification, an event that it knows, and whether a time is signed."""

    verify: Verify
    event: str
    signature: str
    timed: bool


HOOKS = {
    "clawver": Hook(
        clawver_webhooks.verify, "order.paid", clawver_webhooks.SIGNATURE_HEADER, False
    ),
    "paynow": Hook(
        paynow_webhooks.verify, "ON_ORDER_COMPLETED", paynow_webhooks.SIGNATURE_HEADER, True
    ),
    "cloove": Hook(cloove_webhooks.verify, "order.created", cloove_webhooks.SIGNATURE_HEADER, True),
    "vesuviopay": Hook(
        vesuviopay_webhooks.verify, "order.shipped", vesuviopay_webhooks.SIGNATURE_HEADER, False
    ),
}
EVERY = pytest.mark.parametrize("platform", PLATFORMS, ids=str)


def signed(platform: Platform, secret: str = SECRET, at: datetime = NOW) -> SignedRequest:
    """An event as the platform's embedded store sends it."""
    box = platform.box(now=lambda: NOW)
    event = HOOKS[platform.name].event
    box.shop.add_webhook("https://hooks.example/orders", (event,), secret, NOW)
    return box.sign_event(event, platform.paid, at=at)


def accepted(
    platform: Platform,
    sent: SignedRequest,
    secrets: Sequence[str] = (SECRET,),
    now: datetime = NOW,
) -> bool:
    return HOOKS[platform.name].verify(sent.headers, sent.body, secrets, now)


def test_every_platform_has_a_verification() -> None:
    assert set(HOOKS) == {platform.name for platform in PLATFORMS}


@EVERY
@pytest.mark.parametrize("secrets", [(SECRET,), (SECRET, OLD), (OLD, SECRET), ("", SECRET)])
def test_g27_what_was_signed_with_one_of_the_secrets_is_accepted(
    platform: Platform, secrets: Sequence[str]
) -> None:
    assert accepted(platform, signed(platform), secrets)


@EVERY
@pytest.mark.parametrize(
    "secrets", [(), ("",), (OLD,), (WRONG, OLD), (SECRET + "x",), (SECRET[:-1],)]
)
def test_g27_a_secret_that_is_not_among_them_is_refused(
    platform: Platform, secrets: Sequence[str]
) -> None:
    assert not accepted(platform, signed(platform), secrets)


@EVERY
def test_g27_an_old_secret_ends_when_it_is_taken_away(platform: Platform) -> None:
    sent = signed(platform, OLD)
    assert accepted(platform, sent, (SECRET, OLD))
    assert not accepted(platform, sent, (SECRET,))


@EVERY
@ALIKE
@given(data=st.data())
def test_g27_one_changed_byte_is_refused(platform: Platform, data: st.DataObject) -> None:
    sent = signed(platform)
    at = data.draw(st.integers(0, len(sent.body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != sent.body[at]))
    body = sent.body[:at] + bytes([other]) + sent.body[at + 1 :]
    assert not accepted(platform, SignedRequest(sent.url, sent.headers, body))


@EVERY
@pytest.mark.parametrize("change", [b"", b" ", b"\n", b"\x00"])
def test_g27_bytes_at_the_end_are_refused(platform: Platform, change: bytes) -> None:
    sent = signed(platform)
    body = sent.body + change if change else sent.body[:-1]
    assert not accepted(platform, SignedRequest(sent.url, sent.headers, body))


@EVERY
@pytest.mark.parametrize("seconds", [301, -301, 86400, -86400, 10**9, -(10**9)])
def test_g27_a_stale_or_a_future_time_is_refused_where_a_time_is_signed(
    platform: Platform, seconds: int
) -> None:
    sent = signed(platform, at=NOW + timedelta(seconds=seconds))
    assert accepted(platform, sent) is not HOOKS[platform.name].timed


@EVERY
@pytest.mark.parametrize("seconds", [0, 299, -299])
def test_g27_five_minutes_are_no_fault(platform: Platform, seconds: int) -> None:
    assert accepted(platform, signed(platform, at=NOW + timedelta(seconds=seconds)))


@EVERY
@pytest.mark.parametrize(
    "bend",
    [
        str.swapcase,
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: text + "0",
        lambda text: text.replace("=", ":", 1) if "=" in text[:8] else text[4:],
        lambda text: "".join(f"%{ord(char):02x}" for char in text),
        lambda text: text.encode().hex(),
        lambda text: "",
    ],
)
def test_g27_a_signature_in_another_form_is_refused_without_an_error(
    platform: Platform, bend: Callable[[str], str]
) -> None:
    sent = signed(platform)
    name = HOOKS[platform.name].signature
    headers = {key: bend(v) if key.lower() == name else v for key, v in sent.headers.items()}
    assert headers != sent.headers
    assert not accepted(platform, SignedRequest(sent.url, headers, sent.body))


@EVERY
@pytest.mark.parametrize("other", PLATFORMS, ids=str)
def test_g27_another_platforms_webhook_is_refused(platform: Platform, other: Platform) -> None:
    assert accepted(platform, signed(other)) is (platform is other)


@EVERY
def test_g27_without_its_headers_it_is_refused(platform: Platform) -> None:
    sent = signed(platform)
    name = HOOKS[platform.name].signature
    left = {key: value for key, value in sent.headers.items() if key.lower() != name}
    assert not accepted(platform, SignedRequest(sent.url, left, sent.body))
    upper = {key.upper(): value for key, value in sent.headers.items()}
    assert accepted(platform, SignedRequest(sent.url, upper, sent.body))
