"""What is fixed about each platform: its address, its variables, and how its keys look."""

from collections.abc import Mapping
from dataclasses import dataclass

from order_skills.settings_values import BadValue, Secret, text


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform.

    Args:
        url: its address without the version path.
        key_begins: how its secret keys begin, as an error says it.
        store_id_variable: set where its paths name the store.
    """

    title: str
    url: str
    key_begins: str
    key_variable: str
    url_variable: str
    store_id_variable: str | None = None

    @property
    def key_variables(self) -> tuple[str, ...]:
        """What activates its store in the environment."""
        return (self.key_variable, *filter(None, (self.store_id_variable,)))


# In the order of their public documents; the name in front is what a file's `platform` says.
PLATFORMS: Mapping[str, Platform] = {
    "clawver": Platform(
        "Clawver",
        "https://api.clawver.store",
        "claw_sk_",
        "CLAW_API_KEY",
        "ORDER_SKILLS_CLAWVER_URL",
    ),
    "paynow": Platform(
        "PayNow",
        "https://api.paynow.gg",
        "pnapi_",
        "PAYNOW_API_KEY",
        "ORDER_SKILLS_PAYNOW_URL",
        "PAYNOW_STORE_ID",
    ),
    "cloove": Platform(
        "Cloove",
        "https://api.clooveai.com",
        "clv_live_sk_",
        "CLOOVE_API_KEY",
        "ORDER_SKILLS_CLOOVE_URL",
    ),
    "vesuviopay": Platform(
        "VesuvioPay",
        "https://api.vesuviopay.com",
        "sk_live_",
        "VESUVIOPAY_API_KEY",
        "ORDER_SKILLS_VESUVIOPAY_URL",
    ),
}

# What makes a store of the environment; policy is not among them.
KEY_VARIABLES = frozenset(
    variable for platform in PLATFORMS.values() for variable in platform.key_variables
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


def key_kind(key: str) -> str | None:
    """What a key looks like by its first characters, such as `a PayNow key`; None: unknown."""
    found = _kind(key)
    return found[1] if found else None


def placeholder(platform: str) -> str:
    """What stands where the owner has to put the key; it is refused as a key."""
    return f"<your {PLATFORMS[platform].title} key>"


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
        begins = PLATFORMS[platform].key_begins
        raise BadValue(f"looks like {found[1]}; a {title} key begins with {begins}")
    return Secret(key)


def _kind(key: str) -> tuple[str | None, str] | None:
    return next((kind for p, kind in KEY_KINDS.items() if key.lower().startswith(p)), None)
