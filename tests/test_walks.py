"""The walks of references/walks.md, made over stdio as a host makes them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mcp.client import Client

from support import AUTO, ERAS, Person, spawned, text_of

PAGE = Path(__file__).parents[1] / "references" / "walks.md"
BLOCK = re.compile(r"^```walk (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """One call of a walk: what a person types, and what the answer must hold."""

    tool: str
    arguments: str
    typed: str | None = None
    holds: list[str] = field(default_factory=list)


def walks() -> dict[str, list[Step]]:
    """Every walk of the page, by platform."""
    found: dict[str, list[Step]] = {}
    for platform, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        steps = found.setdefault(platform, [])
        for line in text.splitlines():
            if line.startswith("> "):
                tool, _, arguments = line[2:].partition(" ")
                steps.append(Step(tool, arguments))
            elif line.startswith("~ "):
                steps[-1].typed = line[2:]
            else:
                steps[-1].holds.append(line)
    return found


WALKS = walks()


def test_every_platform_has_a_walk() -> None:
    assert set(WALKS) == {"clawver", "paynow", "cloove", "vesuviopay"}
    assert all(step.holds for steps in WALKS.values() for step in steps)


@pytest.mark.parametrize("era", [ERAS[0], AUTO])
@pytest.mark.parametrize("platform", WALKS)
async def test_the_walk_is_as_the_page_has_it(tmp_path: Path, platform: str, era: str) -> None:
    person = Person()
    transport = spawned(tmp_path / "home", "--sandbox", "--platform", platform)
    seen = {"$refund_id": ""}
    async with Client(transport, mode=era, elicitation_callback=person) as client:
        for step in WALKS[platform]:
            asked = len(person.forms)
            arguments = json.loads(step.arguments.replace("$refund_id", seen["$refund_id"]))
            text = text_of(await client.call_tool(step.tool, arguments))
            for line in step.holds:
                assert line in text, f"{step.tool}: no {line!r} in\n{text}"
            typed = [form.rpartition(": ")[2] for form in person.forms[asked:]]
            assert typed == ([] if step.typed is None else [step.typed])
            if (named := re.search(r"refund_id: (rr_\w+)", text)) is not None:
                seen["$refund_id"] = named[1]
