"""One store's settings: its platform, its address, its key, and where the key was found."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from order_skills import settings_values as values
from order_skills.errors import ConfigurationError
from order_skills.settings_file import key_from_file
from order_skills.settings_source import Source
from order_skills.settings_values import BadValue, Limits, Secret, is_host_name, text


@dataclass(frozen=True, slots=True)
class Platform:
    """What is fixed about a platform: `url` is its address without the version path."""

    title: str
    url: str
    key_variable: str
    url_variable: str
    store_id_variable: str | None = None


# In the order of their public documents; the name in front is what a file's `platform` says.
PLATFORMS: Mapping[str, Platform] = {
    "clawver": Platform(
        "Clawver", "https://api.clawver.store", "CLAW_API_KEY", "ORDER_SKILLS_CLAWVER_URL"
    ),
    "paynow": Platform(
        "PayNow",
        "https://api.paynow.gg",
        "PAYNOW_API_KEY",
        "ORDER_SKILLS_PAYNOW_URL",
        "PAYNOW_STORE_ID",
    ),
    "cloove": Platform(
        "Cloove", "https://api.clooveai.com", "CLOOVE_API_KEY", "ORDER_SKILLS_CLOOVE_URL"
    ),
    "vesuviopay": Platform(
        "VesuvioPay",
        "https://api.vesuviopay.com",
        "VESUVIOPAY_API_KEY",
        "ORDER_SKILLS_VESUVIOPAY_URL",
    ),
}

# What makes a store of the environment; policy is not among them.
KEY_VARIABLES = frozenset(
    variable
    for platform in PLATFORMS.values()
    for variable in (platform.key_variable, platform.store_id_variable)
    if variable
)

# How a key begins → the platform it is for (None: for none of them), and what to call it.
KEY_KINDS: Mapping[str, tuple[str | None, str]] = {
    "claw_sk_": ("clawver", "a Clawver key"),
    "pnapi_": ("paynow", "a PayNow key"),
    "clv_live_pk_": (None, "a publishable Cloove key, which cannot read orders"),
    "clv_test_pk_": (None, "a publishable Cloove key, which cannot read orders"),
    "clv_": ("cloove", "a Cloove key"),
    "sk_live_": ("vesuviopay", "a VesuvioPay or Stripe key"),
    "sk_test_": ("vesuviopay", "a VesuvioPay or Stripe key"),
    "pk_": (None, "a publishable key, which cannot read orders"),
    "whsec_": (None, "a webhook secret"),
}


STORE_SETTINGS = (
    "platform",
    "url",
    "key",
    "key_file",
    "store_id",
    "max_refund_minor",
    "daily_refund_minor",
    "daily_refund_count",
    "webhook_secrets",
    "webhook_hosts",
)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """One store.

    Args:
        name: the owner's name for it; unique, and a tool's `store` argument with several.
        url: `https://host[:port]`, without a path.
        key_setting: the setting that the key came from, as an error would name it.
        limits: of this store, in the minor unit of its own currency.
    """

    name: str
    platform: str
    url: str
    key: Secret
    key_setting: str
    store_id: str | None = None
    limits: Limits = field(default_factory=Limits)
    webhook_secrets: tuple[Secret, ...] = ()
    webhook_hosts: tuple[str, ...] = ()


def key_kind(key: str) -> str | None:
    """What a key looks like by its first characters, such as `a PayNow key`; None: unknown."""
    found = _kind(key)
    return found[1] if found else None


def checked_key(platform: str, value: object) -> Secret:
    """The key, if it can be one of this platform.

    One of an unknown form passes, because platforms change theirs; one of another
    platform's form does not.
    """
    title = PLATFORMS[platform].title
    key = text(value)
    if key.lower().startswith(("bearer ", "apikey ")):
        raise BadValue("must be the key alone, without the word in front of it")
    if key.startswith("<"):
        raise BadValue(f"is still the placeholder; put the {title} key there")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BadValue("holds white space or characters no key has; copy the key again")
    found = _kind(key)
    if found and found[0] != platform:
        own = next(prefix for prefix, (owner, _) in KEY_KINDS.items() if owner == platform)
        raise BadValue(f"looks like {found[1]}; a {title} key begins with {own}")
    return Secret(key)


def read_store(
    name: str,
    table: Source,
    environ: Mapping[str, str],
    served: frozenset[str],
) -> StoreSettings:
    """A store from its table and from the variables of its platform, which win over it.

    Its limits are the table's alone; `settings.load` adds those that hold for every store.

    Args:
        table: the `[stores.NAME]` table, empty for one that only the environment names.
        environ: the environment, without keys that are not this store's.
        served: the platforms that this version has an adapter for.

    Raises:
        ConfigurationError: naming the setting.
    """
    table.refuse_others(STORE_SETTINGS)
    platform = table.get("platform", values.one_of(tuple(PLATFORMS)))
    if platform is None:
        raise table.wrong("platform", f"is missing; it is one of {', '.join(PLATFORMS)}")
    if platform not in served:
        raise table.wrong("platform", not_served(platform, served))
    facts = PLATFORMS[platform]
    key, key_setting = _key(platform, table, environ)
    from_environment = Source(environ, str)
    url = from_environment.get(facts.url_variable, checked_url) or table.get("url", checked_url)
    return StoreSettings(
        name=name,
        platform=platform,
        url=url or facts.url,
        key=key,
        key_setting=key_setting,
        store_id=_store_id(facts, table, from_environment),
        limits=read_limits(table),
        webhook_secrets=table.get("webhook_secrets", values.webhook_secrets) or (),
        webhook_hosts=table.get("webhook_hosts", values.webhook_hosts) or (),
    )


def read_limits(source: Source) -> Limits:
    """The limits that one source sets."""
    return Limits(
        max_refund_minor=source.get("max_refund_minor", values.minor),
        daily_refund_minor=source.get("daily_refund_minor", values.minor),
        daily_refund_count=source.get("daily_refund_count", values.count),
    )


def not_served(platform: str, served: frozenset[str]) -> str:
    """The problem with a platform that this version has no adapter for."""
    titles = " and ".join(PLATFORMS[p].title for p in sorted(served))
    return f"this version serves {titles} only, not {PLATFORMS[platform].title}; remove it"


def _key(platform: str, table: Source, environ: Mapping[str, str]) -> tuple[Secret, str]:
    variable = PLATFORMS[platform].key_variable

    def read(value: object) -> Secret:
        return checked_key(platform, value)

    def read_file(value: object) -> Secret:
        return checked_key(platform, key_from_file(values.absolute_path(value)))

    if found := Source(environ, str).get(variable, read):
        return found, variable
    if "key" in table.values and "key_file" in table.values:
        raise table.wrong("key_file", "stands beside key; keep one of the two")
    if found := table.get("key", read):
        return found, table.label("key")
    if found := table.get("key_file", read_file):
        return found, table.label("key_file")
    raise table.wrong("key", "is missing; give key, or key_file with the absolute path of a file")


def _store_id(facts: Platform, table: Source, environment: Source) -> str | None:
    if facts.store_id_variable is None:
        if "store_id" in table.values:
            raise table.wrong("store_id", f"has no meaning for {facts.title}; remove it")
        return None
    found = environment.get(facts.store_id_variable, _number) or table.get("store_id", _number)
    if found is None:
        raise ConfigurationError(
            facts.store_id_variable, f"is missing; {facts.title} needs the store's id, too"
        )
    return found


def _number(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return value
    raise BadValue("must be the store's id: digits, in the file in quotes")


def _kind(key: str) -> tuple[str | None, str] | None:
    return next((kind for p, kind in KEY_KINDS.items() if key.lower().startswith(p)), None)


def checked_url(value: object) -> str:
    """The origin of a base URL: https, or http where it cannot leave this machine.

    Everything else that a URL may hold is refused: what is not written cannot be misread.
    """
    given = text(value)
    if not given.isascii() or any(c in given for c in " \\%?#"):
        raise BadValue("must be an address in plain ASCII, such as https://api.example.com")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadValue("is not a URL") from None
    if parts.scheme not in ("https", "http"):
        raise BadValue("must begin with https://")
    if "@" in parts.netloc:
        raise BadValue("must not hold a user or password")
    if parts.path not in ("", "/"):
        raise BadValue("must be given without a path; the version path is added to it")
    if port == 0 or parts.netloc.endswith(":") or host is None:
        raise BadValue("must name a host, and a port from 1 to 65535 if any")
    address = _ip(host)
    if address is None and (not is_host_name(host) or "[" in given):
        raise BadValue("does not name a host")
    if parts.scheme == "http" and not _is_loopback(host, address):
        raise BadValue("must begin with https://; http is for 127.0.0.1, [::1] and localhost only")
    shown = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    # One address has one form, because the ledger tells stores apart by it.
    return f"{parts.scheme}://{shown}" + ("" if port in (None, default) else f":{port}")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return host == "localhost" if address is None else address == ipaddress.IPv6Address("::1")
