"""One store's settings: its platform, its address, its key, and where the key was found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from order_skills import settings_values as values
from order_skills.errors import ConfigurationError
from order_skills.settings_addresses import checked_url
from order_skills.settings_file import key_from_file
from order_skills.settings_platforms import PLATFORMS, Platform, checked_key
from order_skills.settings_source import Source
from order_skills.settings_values import BadValue, Limits, Secret

Amounts = Literal["major", "minor"]
AMOUNTS: tuple[Amounts, ...] = ("major", "minor")
_STORE_ID = re.compile(r"[0-9]{1,20}")

STORE_SETTINGS = (
    "platform",
    "url",
    "key",
    "key_file",
    "store_id",
    "currency",
    "amounts",
    "max_refund_minor",
    "daily_refund_minor",
    "daily_refund_count",
    "webhook_secrets",
    "webhook_hosts",
)
# Those that only some platforms' stores can have.
_OWN_SETTINGS = {
    "store_id": ("paynow",),
    "currency": ("cloove", "vesuviopay"),
    "amounts": ("cloove",),
}


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """One store.

    Args:
        name: the owner's name for it; unique, and a tool's `store` argument with several.
        url: `https://host[:port]`, without a path.
        key_setting: the setting that the key came from, as an error would name it.
        store_id: where the platform's paths name the store, as PayNow's do.
        currency: of a Cloove business's answers that name none, or of a VesuvioPay store's
            imports before it has an order; amounts: whether a Cloove business counts in major
            or minor units, None for what Cloove documents.
        limits: of this store, in the minor unit of its own currency.
    """

    name: str
    platform: str
    url: str
    key: Secret
    key_setting: str
    store_id: str | None = None
    currency: str | None = None
    amounts: Amounts | None = None
    limits: Limits = field(default_factory=Limits)
    webhook_secrets: tuple[Secret, ...] = ()
    webhook_hosts: tuple[str, ...] = ()


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
    for setting, owners in _OWN_SETTINGS.items():
        if setting in table.values and platform not in owners:
            titles = " and ".join(PLATFORMS[owner].title for owner in owners)
            problem = f"is for {titles} stores only, and this is {facts.title}'s"
            raise table.wrong(setting, f"{problem}; remove it")
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
        currency=table.get("currency", values.currency),
        amounts=table.get("amounts", values.one_of(AMOUNTS)),
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
        return None
    found = environment.get(facts.store_id_variable, checked_store_id)
    found = found or table.get("store_id", checked_store_id)
    if found is None:
        raise ConfigurationError(
            facts.store_id_variable, f"is missing; {facts.title} needs the store's id, too"
        )
    return found


def checked_store_id(value: object) -> str:
    """The id that PayNow gives a store."""
    if isinstance(value, str) and _STORE_ID.fullmatch(value):
        return value
    raise BadValue("must be the store's id: 1 to 20 digits, in the file in quotes")
