"""Prompts, resources and completion, which are loaded when a host first asks for one of them.

Until then a start costs what it did without them. What answers say is seen from the first.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from order_skills.seen import Seen
from order_skills.workspace import Workspace

if TYPE_CHECKING:
    from mcp.types import Completion

    from order_skills.completion import Completed

_GUIDES = ("prompts/", "resources/", "completion/")


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Put them on the server."""
    seen = Seen(workspace.stores)

    @cache
    def load() -> "Mapping[str, Completed]":
        """Put them there in fact; what of them can be completed."""
        from order_skills import completion, prompts, resources

        prompts.register(server, workspace)
        resources.register(server, workspace)
        return completion.completed(workspace)

    async def serve(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        guide = ctx.method.startswith(_GUIDES)
        found = await (guided(ctx, call_next) if guide else call_next(ctx))
        if isinstance(found, dict):
            seen.note_result(ctx.method, ctx.params or {}, found)
        return found

    async def guided(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        from order_skills import prompts, resources

        load()
        # The SDK's own refusals repeat what was asked for, which may be anything.
        prompts.refuse_unknown(workspace, ctx.method, ctx.params or {})
        resources.refuse_unknown(workspace, ctx.method, ctx.params or {})
        found = await call_next(ctx)
        if ctx.method == "resources/list" and isinstance(found, dict):
            resources.add_sizes(found)
        return found

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(ref: Any, argument: Any, context: Any) -> "Completion":
        from order_skills import completion

        return completion.complete(ref, argument, context, load(), seen)

    server.middleware.append(serve)
