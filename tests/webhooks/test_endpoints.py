"""Which platforms' endpoints are managed here, and what a store may tell of those it has."""

import importlib

import pytest

from order_skills.settings_platforms import PLATFORMS
from order_skills.stores.base import Webhook
from order_skills.webhooks import endpoints

HOSTS = ("hooks.example.com",)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_has_events_to_choose_from_if_its_webhooks_can_be_managed(platform: str) -> None:
    capabilities = importlib.import_module(f"order_skills.stores.{platform}").CAPABILITIES
    assert bool(endpoints.words(platform)) is capabilities.webhooks


TOLD = {
    "https://hooks.example.com/x": None,
    "https://hooks.example.com:8443/x?y=1": None,
    "https://hooks.example.com": None,
    "https://evil.example/x": "nobody listed evil.example",
    "https://EVIL.example/x": "nobody listed evil.example",
    "http://hooks.example.com/x": "not an https address of ours",
    "https://a:b@hooks.example.com/x": "not an https address of ours",
    "https://hooks.example.com\\@evil.example/x": "nobody listed evil.example",
    "https://hooks.example.com./x": "nobody listed hooks.example.com.",
    "https://[::1]/x": "nobody listed ::1",
    "https://[/x": "nobody listed an address without a host",
    "ftp:x": "nobody listed an address without a host",
    "": "nobody listed an address without a host",
    "https://\u202eevil.example/x": "nobody listed an address without a host",
}


@pytest.mark.parametrize(("url", "why"), TOLD.items(), ids=TOLD)
def test_what_is_not_of_the_list_is_marked_with_the_host_it_leads_to(
    url: str, why: str | None
) -> None:
    assert endpoints.not_ours(url, HOSTS) == why


def test_what_has_no_host_is_removed_by_typing_its_id() -> None:
    assert endpoints.what_to_type(Webhook("wh_1", "ftp:x", (), None)) == "wh_1"
    assert endpoints.what_to_type(Webhook("wh_1", "https://a.example/x", (), None)) == "a.example"
