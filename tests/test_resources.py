"""What a host can attach: the skill's pages, and orders."""

import json
import posixpath
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    TextResourceContents,
)

from order_skills.sandbox import Fault, Sandbox
from support import AUTO, NO_RETRY, Doors, code_of, open_door, two_stores

ROOT = Path(__file__).parent.parent
SKILL = "skill://order-skills/SKILL.md"
ORDER = "orders://{order_id}"
ORDER_OF_STORE = "orders://{store}/{order_id}"
# address → the file in the repository
PAGES = {
    SKILL: "skill.md",
    **{
        f"skill://order-skills/references/{name}.md": f"references/{name}.md"
        for name in ("orders-api", "refunds", "wrong-size")
    },
}


async def read(client: Client, uri: str) -> TextResourceContents:
    """What stands at an address."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.uri == uri
    return content


async def refused(client: Client, uri: str, kind: int = INVALID_PARAMS) -> str:
    """What a refused request is told: the tools' code, in its text and as data."""
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    error = caught.value.error
    assert error.code == kind
    assert error.data == {"code": str(code_of(error.message))}
    return error.message


# --- pages ----------------------------------------------------------------------------------


async def test_the_pages_that_an_agent_needs_are_listed(door: Doors) -> None:
    async with door() as opened:
        listed = (await opened.client.list_resources()).resources
        assert [resource.uri for resource in listed] == list(PAGES)
        for resource in listed:
            assert resource.mime_type == "text/markdown"
            assert resource.title
            assert 20 < len(resource.description or "") < 120
            assert resource.size == (ROOT / PAGES[resource.uri]).stat().st_size
        assert opened.box.requests == []


async def test_a_page_reads_as_its_file(door: Doors) -> None:
    async with door() as opened:
        for uri, name in PAGES.items():
            content = await read(opened.client, uri)
            assert content.mime_type == "text/markdown"
            assert content.text.encode() == (ROOT / name).read_bytes()
        assert opened.box.requests == []


async def test_every_link_of_a_page_leads_to_another_one(door: Doors) -> None:
    followed = set()
    async with door() as opened:
        for uri in PAGES:
            text = (await read(opened.client, uri)).text
            for target in re.findall(r"\]\(([^)#]+)\)", text):
                place = urlsplit(uri)
                path = posixpath.normpath(posixpath.join(posixpath.dirname(place.path), target))
                linked = f"{place.scheme}://{place.netloc}{path}"
                assert (await read(opened.client, linked)).text.startswith("#")
                followed.add(linked)
    assert followed == set(PAGES) - {SKILL}


async def test_an_address_that_is_not_there_is_refused_without_repeating_it(door: Doors) -> None:
    async with door() as opened:
        for uri in (
            "skill://order-skills/references/decisions.md",
            "skill://order-skills/references/../skill.md",
            "skill://order-skills/",
            "file:///etc/passwd",
            "orders://ord_1001/refunds",
            "ord_1001",
            "",
        ):
            message = await refused(opened.client, uri)
            assert message == (
                "INVALID_ARGUMENT: uri is not one that this server has. Next: resources/list has "
                f"the pages; an order is at {ORDER}."
            )
        assert opened.box.requests == []


# --- orders ---------------------------------------------------------------------------------


async def test_an_order_reads_as_get_order_answers_it(door: Doors) -> None:
    async with door() as opened:
        (template,) = (await opened.client.list_resource_templates()).resource_templates
        assert (template.uri_template, template.mime_type) == (ORDER, "application/json")
        for order_id in ("ord_1001", "ord_1002", "ord_1005"):
            content = await read(opened.client, f"orders://{order_id}")
            assert content.mime_type == "application/json"
            assert json.loads(content.text) == await opened.answer("get_order", order_id=order_id)


async def test_personal_data_of_an_order_is_masked_as_the_owner_has_it(door: Doors) -> None:
    async with door() as opened:
        email = opened.box.shop.orders["ord_1001"].customer.email
        masked = (await read(opened.client, "orders://ord_1001")).text
        assert email not in masked
        assert "***@" in masked
    async with door(ORDER_SKILLS_PERSONAL_DATA="shown") as opened:
        assert email in (await read(opened.client, "orders://ord_1001")).text


async def test_a_bad_id_is_refused_before_any_request_and_never_repeated(door: Doors) -> None:
    async with door() as opened:
        for place in ("..", "%2E%2E%2Fproducts", "a%20b", "", "ord_1%00", "%C3%A9", "x" * 129):
            message = await refused(opened.client, f"orders://{place}")
            assert message == (
                "INVALID_ARGUMENT: order_id does not have the form of such an id. "
                "Next: call get_order again; it takes order_id, items_after?"
            )
        assert opened.box.requests == []


async def test_an_order_that_is_not_there_has_the_tools_code(door: Doors) -> None:
    async with door() as opened:
        message = await refused(opened.client, "orders://ord_none")
        assert message == await opened.error("get_order", order_id="ord_none")
        assert message.startswith("ORDER_NOT_FOUND: ")


async def test_a_store_that_fails_has_the_tools_code_and_is_an_error_of_ours(
    door: Doors,
) -> None:
    async with door() as opened:
        opened.box.faults.add(Fault("status", code=503, headers=NO_RETRY, times=None))
        message = await refused(opened.client, "orders://ord_1001", INTERNAL_ERROR)
        assert message.startswith("STORE_UNAVAILABLE: ")


async def test_of_several_stores_an_order_is_read_from_the_named_one(
    door: Doors, box: Sandbox
) -> None:
    async with door(config=two_stores(box)) as opened:
        (template,) = (await opened.client.list_resource_templates()).resource_templates
        assert template.uri_template == ORDER_OF_STORE
        order = json.loads((await read(opened.client, "orders://west/ord_1001")).text)
        assert order == await opened.answer("get_order", order_id="ord_1001", store="west")
        assert order["store"] == "west"
        assert (await refused(opened.client, "orders://north/ord_1001")).startswith(
            "INVALID_ARGUMENT: store must be one of"
        )
        assert ORDER_OF_STORE in await refused(opened.client, "orders://ord_1001")


# --- what is announced ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["legacy", AUTO])
async def test_what_it_announces_is_what_it_does(home: Path, mode: str) -> None:
    async with open_door(home, era=mode) as opened:
        can = opened.client.server_capabilities
        assert can is not None
        assert can.prompts is not None
        assert can.resources is not None
        assert can.completions is not None
        # The lists of a process never change, and no order is watched.
        assert not can.prompts.list_changed
        assert not can.resources.list_changed
        assert not can.resources.subscribe


def test_a_wheel_has_every_page_where_the_server_looks_for_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {
        name: uri.replace("skill://order-skills/", "order_skills/skill/")
        for uri, name in PAGES.items()
    }
