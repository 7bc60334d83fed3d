"""The server that ships, over an embedded store, with the suite's fixtures beside our own tools.

It is put together as `serve --http` does it. Our own refusals of what is not ours step aside for
what belongs to the fixtures, and for nothing else.

    python -m tests.conformance.server
"""

import logging
import os
from dataclasses import replace
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.request_state import RequestStateBoundary
from mcp.types import (
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    InputRequiredResult,
    PromptReference,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from order_skills import http_listener, settings
from order_skills.server import OrderServer
from order_skills.streamable_http import Service
from order_skills.workspace import Workspace, open_workspace
from tests.conformance import fixtures, rounds

_ASIDE = "fixtures/"


class FixtureServer(OrderServer):
    """Ours, and the suite's fixtures."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        for register in (
            fixtures.contents,
            fixtures.conversation,
            fixtures.guides,
            rounds.one_question,
            rounds.with_state,
        ):
            register(self)
        self._serve_completion()
        self._serve_older_methods()
        sealed = [isinstance(found, RequestStateBoundary) for found in self.middleware].index(True)
        self.middleware.insert(sealed + 1, _step_aside)
        self.middleware.append(_step_back)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """A fixture as the SDK calls it; everything else as we do."""
        listed = {tool.name for tool in await self.list_tools()}
        if name.startswith(fixtures.TOOLS) and name in listed:
            return await MCPServer.call_tool(self, name, arguments, context)
        return await super().call_tool(name, arguments, context)

    def _serve_completion(self) -> None:
        lowlevel = self._lowlevel_server
        ours = lowlevel.get_request_handler("completion/complete")
        assert ours is not None

        async def complete(ctx: Any, params: CompleteRequestParams) -> Any:
            ref = params.ref
            if isinstance(ref, PromptReference) and ref.name.startswith(fixtures.PROMPTS):
                words = ("paris", "park", "party")
                values = [word for word in words if word.startswith(params.argument.value)]
                return CompleteResult(completion=Completion(values=values, total=len(values)))
            return await ours.handler(ctx, params)

        lowlevel.add_request_handler("completion/complete", CompleteRequestParams, complete)

    def _serve_older_methods(self) -> None:
        # We have none of these: nothing that we list changes, and logs go to stderr.
        async def done(ctx: Any, params: Any) -> EmptyResult:
            return EmptyResult()

        add = self._lowlevel_server.add_request_handler
        add("logging/setLevel", SetLevelRequestParams, done)
        add("resources/subscribe", SubscribeRequestParams, done)
        add("resources/unsubscribe", UnsubscribeRequestParams, done)


async def _step_aside(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Give requests for a fixture's prompt or resource a name that our refusals do not look at."""
    params = ctx.params or {}
    prompt = ctx.method == "prompts/get" and str(params.get("name")).startswith(fixtures.PROMPTS)
    uri = str(params.get("uri"))
    resource = ctx.method == "resources/read" and uri.startswith(fixtures.RESOURCES)
    if prompt or resource:
        ctx = replace(ctx, method=f"{_ASIDE}{ctx.method}")
    return await call_next(ctx)


async def _step_back(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    return await call_next(replace(ctx, method=ctx.method.removeprefix(_ASIDE)))


async def main() -> None:
    """Serve on a free port of this machine until a signal."""
    logging.basicConfig(level=logging.WARNING)
    workspace = open_workspace(settings.load(dict(os.environ), sandbox=True))
    try:
        service = Service(workspace, None, FixtureServer)
        listener = http_listener.bound("127.0.0.1", 0)
        await http_listener.serve(service.application, listener, ending=service.drain)
    finally:
        with anyio.CancelScope(shield=True):
            await workspace.aclose()


if __name__ == "__main__":
    anyio.run(main)
