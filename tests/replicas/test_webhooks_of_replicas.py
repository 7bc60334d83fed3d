"""Where several replicas verify events, all of them know the secret: it is in their settings."""

from pathlib import Path
from typing import Any

import pytest
from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult, ErrorData

from order_skills.errors import Code
from order_skills.sandbox import Sandbox
from support import Person, code_of, open_door

HOST = "hooks.example.com"
CREATE: dict[str, Any] = {
    "url": f"https://{HOST}/webhooks/shop",
    "events": ["order.paid", "order.refunded"],
}
SECRETS = ["whsec_newest_of_them_0123456789", "whsec_older_one_0123456789abcdef"]


class Approver(Person):
    """A person who types the host that the form asks for."""

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        await super().__call__(context, params)
        return ElicitResult(action="accept", content={"host": HOST})


def config(box: Sandbox, *, policy: str = "", secrets: list[str] | None = None) -> str:
    kept = f"webhook_secrets = {secrets}\n" if secrets else ""
    return (
        f"{policy}\n[http]\nreplicas = 3\n"
        'state_keys = ["kM3v9Qz7Lr2Xw8Tn5Bc1Yf6Hd4Js0Pga"]\n'
        f'[stores.shop]\nplatform = "clawver"\nkey = "{box.api_key}"\n'
        f'webhook_hosts = ["{HOST}"]\n{kept}'
    )


def files(home: Path) -> list[str]:
    return [path.name for path in home.glob("webhook-secrets*")]


async def test_it_is_registered_with_the_secret_that_all_of_them_have_and_kept_by_none(
    home: Path, box: Sandbox
) -> None:
    text = config(box, secrets=SECRETS)
    async with open_door(home, box=box, person=Approver(), config=text) as door:
        made = await door.answer("create_webhook", **CREATE)
        assert made["outcome"] == "created"
        (hook,) = box.shop.webhooks.values()
        assert hook.secret == SECRETS[0]
        again = await door.answer("create_webhook", **CREATE)
        assert (again["outcome"], again["webhook_id"]) == ("already_there", made["webhook_id"])
        await door.answer("delete_webhook", webhook_id=made["webhook_id"])
        assert not box.shop.webhooks
    assert files(home) == []


async def test_without_one_in_the_settings_nothing_is_registered(home: Path, box: Sandbox) -> None:
    person = Approver()
    async with open_door(home, box=box, person=person, config=config(box)) as door:
        refused = await door.error("create_webhook", **CREATE)
    assert code_of(refused) is Code.NOT_SUPPORTED
    assert "webhook_secrets" in refused
    assert (person.forms, box.request_count("POST"), files(home)) == ([], 0, [])


@pytest.mark.parametrize("by", ["another", "anyone"])
async def test_where_another_person_has_to_approve_the_terminal_is_the_door(
    home: Path, box: Sandbox, by: str
) -> None:
    """A change of webhooks waits nowhere, so who asks would be who approves."""
    person = Approver()
    text = config(box, policy=f'approval_by = "{by}"', secrets=SECRETS)
    async with open_door(home, box=box, person=person, config=text) as door:
        result = await door.call("create_webhook", **CREATE)
    assert bool(person.forms) is (by == "anyone")
    assert box.request_count("POST") == (1 if by == "anyone" else 0)
    if by == "another":
        assert "`order-skills webhooks add URL --events" in str(result.content)
