"""Printing a tour: a heading, a call, its answer, and whether it went as told."""

from typing import Any

from mcp.client import Client
from mcp.types import CallToolResult, TextContent

WIDTH = 96


class Tour:
    """Numbers the steps, prints them, and remembers what did not go as told."""

    def __init__(self) -> None:
        self.surprises: list[str] = []
        self._number = 0

    def step(self, heading: str) -> None:
        """Begin a step."""
        self._number += 1
        print("-" * WIDTH)
        print(f"{self._number}. {heading}\n")

    async def call(
        self,
        client: Client,
        heading: str,
        tool: str,
        expect: str | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Make a call and print it; `expect`: the error code or outcome that the tour tells of."""
        self.step(heading)
        given = ", ".join(f"{name}={_literal(value)}" for name, value in arguments.items())
        print(f"   {tool}({given})\n")
        result = await client.call_tool(tool, arguments)
        text = _text(result)
        self.show(text)
        found = result.structured_content or {}
        outcome = text.partition(":")[0] if result.is_error else found.get("outcome")
        self.check(outcome == expect, f"step {self._number} ends as {expect}")
        return found

    def show(self, text: str) -> None:
        """Print an answer."""
        for line in text.splitlines():
            print(f"   {line}")
        print()

    def check(self, as_told: bool, what: str) -> None:
        """Note what did not go as the tour tells."""
        if not as_told:
            self.surprises.append(what)


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
