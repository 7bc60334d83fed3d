"""PURE: where a store may send its events, what they say, and how both read to a person.

What is not written cannot be misread: an address has one form here, so that the host that a
person approves is the host that every program connects to.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from order_skills import text
from order_skills.settings_values import is_host_name
from order_skills.stores.base import Webhook

URL_CAP = 1_000
EVENT_CAP = 64
# Without capitals, users, fragments, backslashes and everything beyond ASCII.
_URL = re.compile(
    r"https://(?P<host>[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
# Some programs read such a name as a number, and a number as an address.
_LIKE_A_NUMBER = re.compile(r"(.*\.)?0x[0-9a-f]*")
_DOTS = re.compile(r"(?i)(?:\.|%2e){1,2}")

# platform → event → what happened, of the platforms whose webhooks are managed here.
EVENTS: Mapping[str, Mapping[str, str]] = {
    "clawver": {
        "order.created": "an order was placed",
        "order.paid": "an order was paid",
        "order.fulfilled": "an order was fulfilled",
        "order.shipped": "an order was shipped",
        "order.cancelled": "an order was cancelled",
        "order.refunded": "an order was refunded",
        "order.fulfillment_failed": "an order could not be fulfilled",
        "review.received": "a customer wrote a review",
        "review.responded": "a review was answered",
    },
}
# What the documentation shows in them. It rules out nothing else.
_CARRIES = {
    "order": "the order's id, its total and its items",
    "review": "the review's and the order's id and the rating",
}


class BadAddress(ValueError):
    """An address that is refused; the text says what it must be, and never what it is."""


@dataclass(frozen=True)
class Endpoint:
    """An address that may be registered, and the events that go there."""

    url: str
    host: str
    events: tuple[str, ...]


def words(platform: str) -> tuple[str, ...]:
    """The events that the platform documents; none where its webhooks are not managed here."""
    return tuple(EVENTS.get(platform, ()))


def checked(url: str, hosts: Collection[str], events: Sequence[str] = ()) -> Endpoint:
    """The endpoint at an address that the owner's list of hosts allows.

    Raises:
        BadAddress: it is none.
    """
    if not url.startswith("https://"):
        raise BadAddress("must begin with https://")
    found = _URL.fullmatch(url)
    if found is None or len(url) > URL_CAP or int(found["port"] or 443) > 65_535:
        raise BadAddress(
            "must be a plain address such as https://HOST/webhooks/STORE: lower-case ASCII in "
            "the host, no user, password, fragment or space"
        )
    if any(_DOTS.fullmatch(part) for part in (found["path"] or "").split("/")):
        raise BadAddress("must not hold . or .. in its path")
    host = found["host"]
    if host not in hosts or not is_host_name(host) or _LIKE_A_NUMBER.fullmatch(host):
        raise BadAddress(f"must be at a host that the owner allowed: {', '.join(sorted(hosts))}")
    return Endpoint(url, host, tuple(dict.fromkeys(events)))


def not_ours(url: str, hosts: Collection[str]) -> str | None:
    """Why an endpoint that the store has is none that could be registered here; None: it could."""
    try:
        checked(url, hosts)
    except BadAddress:
        host = host_of(url)
        return "not an https address of ours" if host in hosts else f"nobody listed {host}"
    return None


def host_of(url: str) -> str:
    """The host of an address as a store tells it, which may be any text."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return host if re.fullmatch(r"[a-z0-9.:-]{1,253}", host) else "an address without a host"


def what_to_type(webhook: Webhook) -> str:
    """What a person types to remove it: its host; the id of one that has none."""
    host = host_of(webhook.url)
    return webhook.webhook_id if " " in host else host


def in_words(platform: str, events: Sequence[str]) -> str:
    """The events with what each means."""
    known = EVENTS.get(platform, {})
    shown = [text.clean(event, EVENT_CAP) for event in events]
    return "; ".join(f"{e} ({known[e]})" if e in known else e for e in shown) or "none said"


def to_register(
    store: str, platform: str, endpoint: Endpoint, present: Sequence[Webhook]
) -> list[tuple[str, str]]:
    """Label and value, in the order in which a person decides about a new endpoint."""
    kinds = dict.fromkeys(event.partition(".")[0] for event in endpoint.events)
    carried = "; ".join(f"{kind}: {_CARRIES[kind]}" for kind in kinds if kind in _CARRIES)
    same = [w.webhook_id for w in present if w.url == endpoint.url]
    found = [
        ("Store", store),
        ("Host", endpoint.host),
        ("Address", endpoint.url),
        ("Events", in_words(platform, endpoint.events)),
        ("Each carries", carried),
        (
            "Customers' data",
            "none is documented; the store does not rule out that items hold some",
        ),
    ]
    if same:
        found.append(("Already at this address", text.clean(", ".join(same), text.NAME_CAP)))
    return found


def to_remove(
    store: str, platform: str, webhook: Webhook, hosts: Collection[str]
) -> list[tuple[str, str]]:
    """Label and value, in the order in which a person decides about removing an endpoint."""
    return [
        ("Store", store),
        ("Webhook", text.clean(webhook.webhook_id, text.NAME_CAP)),
        ("Host", host_of(webhook.url)),
        ("Address", text.clean(webhook.url, text.NAME_CAP)),
        ("Events", in_words(platform, webhook.events)),
        ("Your list of hosts", not_ours(webhook.url, hosts) or "it is on it"),
    ]


TO_REGISTER = "Register this webhook? The store sends these events there until it is removed."
TO_REMOVE = "Remove this webhook? The store stops sending events there."
