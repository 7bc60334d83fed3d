"""Fixtures of the newer revision: answers that ask for something, and calls repeated with it."""

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

Ctx = Context[Any, Any]
Answer = CallToolResult | InputRequiredResult


def _form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sample(prompt: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    params = CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    return CreateMessageRequest(params=params)


def _said(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _field(ctx: Ctx, key: str, field: str) -> Any:
    """What was typed into a form's field; None where the form was not answered or not filled."""
    answer = (ctx.input_responses or {}).get(key)
    if not isinstance(answer, ElicitResult) or answer.action != "accept":
        return None
    return (answer.content or {}).get(field)


def one_question(server: MCPServer[Any]) -> None:
    """Tools that ask for one thing each."""

    @server.tool(structured_output=False)
    async def test_input_required_result_elicitation(ctx: Ctx) -> Answer:
        """Asks for a name."""
        name = _field(ctx, "user_name", "name")
        if name is None:
            asked = {"user_name": _form("What is your name?", "name")}
            return InputRequiredResult(input_requests=asked)
        return _said(f"Hello, {name}!")

    @server.tool(structured_output=False)
    async def test_input_required_result_sampling(ctx: Ctx) -> Answer:
        """Asks the host's model."""
        answer = (ctx.input_responses or {}).get("capital_question")
        if not isinstance(answer, CreateMessageResult):
            asked = {"capital_question": _sample("What is the capital of France?", 100)}
            return InputRequiredResult(input_requests=asked)
        assert isinstance(answer.content, TextContent)
        return _said(answer.content.text)

    @server.tool(structured_output=False)
    async def test_input_required_result_list_roots(ctx: Ctx) -> Answer:
        """Asks for the host's folders."""
        answer = (ctx.input_responses or {}).get("client_roots")
        if not isinstance(answer, ListRootsResult):
            return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
        return _said(", ".join(str(root.uri) for root in answer.roots))

    @server.tool(structured_output=False)
    async def test_input_required_result_capabilities(ctx: Ctx) -> Answer:
        """Asks only for what the host can do."""
        can = ctx.client_capabilities
        asked: dict[str, Any] = {}
        if can and can.elicitation is not None:
            asked["user_name"] = _form("What is your name?", "name")
        if can and can.sampling is not None:
            asked["greeting"] = _sample("Generate a greeting", 50)
        return InputRequiredResult(input_requests=asked) if asked else _said("nothing to ask")

    @server.tool(structured_output=False)
    async def test_streaming_elicitation(ctx: Ctx) -> Answer:
        """Reports progress, then asks."""
        await ctx.report_progress(1, 2)
        return InputRequiredResult(input_requests={"confirm": _form("Go on?", "ok", "boolean")})

    @server.tool(structured_output=False)
    async def test_missing_capability(ctx: Ctx) -> Answer:
        """Refuses a host that cannot sample."""
        can = ctx.client_capabilities
        if can is None or can.sampling is None:
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="sampling is required",
                data={"requiredCapabilities": {"sampling": {}}},
            )
        return _said("done")

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Ctx) -> Any:
        """A prompt that asks."""
        context = _field(ctx, "user_context", "context")
        if context is None:
            asked = {"user_context": _form("What context should the prompt use?", "context")}
            return InputRequiredResult(input_requests=asked)
        return f"Context: {context}"


def with_state(server: MCPServer[Any]) -> None:
    """Tools whose state travels with the host, sealed by the server."""

    async def confirmed(ctx: Ctx) -> Answer:
        if ctx.request_state != "asked" or _field(ctx, "confirm", "ok") is None:
            asked = {"confirm": _form("Please confirm", "ok", "boolean")}
            return InputRequiredResult(input_requests=asked, request_state="asked")
        return _said("state-ok")

    for name in ("request_state", "tampered_state"):
        server.add_tool(
            confirmed,
            name=f"test_input_required_result_{name}",
            description="Asks once, and knows that it did.",
            structured_output=False,
        )

    @server.tool(structured_output=False)
    async def test_input_required_result_multiple_inputs(ctx: Ctx) -> Answer:
        """Asks for three things at once."""
        asked = {
            "user_name": _form("What is your name?", "name"),
            "greeting": _sample("Generate a greeting", 50),
            "client_roots": ListRootsRequest(),
        }
        missing = asked.keys() - (ctx.input_responses or {}).keys()
        if missing or ctx.request_state != "asked":
            return InputRequiredResult(input_requests=asked, request_state="asked")
        return _said(f"Hello, {_field(ctx, 'user_name', 'name')}!")

    @server.tool(structured_output=False)
    async def test_input_required_result_multi_round(ctx: Ctx) -> Answer:
        """Asks twice, one thing after the other."""
        step, _, name = (ctx.request_state or "").partition(":")
        if step == "second" and (color := _field(ctx, "step2", "color")) is not None:
            return _said(f"{name} likes {color}")
        if step == "first" and (name := _field(ctx, "step1", "name")) is not None:
            asked = {"step2": _form("Step 2: What is your favorite color?", "color")}
            return InputRequiredResult(input_requests=asked, request_state=f"second:{name}")
        asked = {"step1": _form("Step 1: What is your name?", "name")}
        return InputRequiredResult(input_requests=asked, request_state="first")
