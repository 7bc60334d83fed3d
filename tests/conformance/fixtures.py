"""The tools, prompts and resources that the conformance suite expects by name.

They answer what the suite's scenarios ask for, so that everything around them is exercised: the
transport, the sessions, the sealed state and our own middleware.
"""

import base64
import json
import struct
import zlib
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

# What the suite asks for by name; anything else of its choosing is ours to refuse.
TOOLS = ("test_", "json_schema_2020_12_tool")
PROMPTS = ("test_",)
RESOURCES = ("test://static-", "test://template/", "test://watched-resource")

Ctx = Context[Any, Any]

_PAUSE = 0.05


def _png() -> bytes:
    """An image of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixel), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _wav() -> bytes:
    """A sound without samples."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", 0)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


PNG = base64.b64encode(_png()).decode()
WAV = base64.b64encode(_wav()).decode()


def _image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    resource: TextResourceContents | BlobResourceContents
    resource = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=resource)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _answer(*content: Any) -> CallToolResult:
    return CallToolResult(content=list(content))


def contents(server: MCPServer[Any]) -> None:
    """Tools with each kind of content."""

    @server.tool(structured_output=False)
    async def test_simple_text() -> CallToolResult:
        """Text."""
        return _answer(_text("This is a simple text response for testing."))

    @server.tool(structured_output=False)
    async def test_image_content() -> CallToolResult:
        """An image."""
        return _answer(_image())

    @server.tool(structured_output=False)
    async def test_audio_content() -> CallToolResult:
        """A sound."""
        return _answer(AudioContent(type="audio", data=WAV, mime_type="audio/wav"))

    @server.tool(structured_output=False)
    async def test_embedded_resource() -> CallToolResult:
        """A resource within the answer."""
        text = "This is an embedded resource content."
        return _answer(_embedded("test://embedded-resource", "text/plain", text))

    @server.tool(structured_output=False)
    async def test_multiple_content_types() -> CallToolResult:
        """Three kinds in one answer."""
        data = json.dumps({"test": "data", "value": 123})
        resource = _embedded("test://mixed-content-resource", "application/json", data)
        return _answer(_text("Multiple content types test:"), _image(), resource)

    @server.tool(structured_output=False)
    async def test_error_handling() -> CallToolResult:
        """An error."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(structured_output=False)
    async def test_header_argument(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    ) -> CallToolResult:
        """An argument that is repeated in a header."""
        return _answer(_text(f"region: {region}"))

    @server.tool(structured_output=False)
    async def json_schema_2020_12_tool(name: str = "") -> CallToolResult:
        """A schema with the newer words of JSON Schema."""
        return _answer(_text(name))

    # The SDK makes schemas from signatures; there is no public way to give one.
    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    }


class Person(BaseModel):
    """What test_elicitation asks for."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


_DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
}


def _titled(*names: str) -> list[dict[str, str]]:
    return [{"const": name, "title": f"The {name} one"} for name in names]


_ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["one", "two", "three"]},
        "titledSingle": {"type": "string", "oneOf": _titled("first", "second", "third")},
        "legacyEnum": {
            "type": "string",
            "enum": ["small", "medium", "large"],
            "enumNames": ["Small", "Medium", "Large"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {"type": "string", "enum": ["one", "two", "three"]},
        },
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("first", "second", "third")}},
    },
}


def conversation(server: MCPServer[Any]) -> None:
    """Tools that say something, or ask for something, while they work."""

    @server.tool(structured_output=False)
    async def test_tool_with_logging(ctx: Ctx) -> CallToolResult:
        """Three log messages."""
        for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(said)
            await anyio.sleep(_PAUSE)
        return _answer(_text("done"))

    @server.tool(structured_output=False)
    async def test_logging_tool(ctx: Ctx) -> CallToolResult:
        """A log message, which a request without a level must not see."""
        await ctx.info("nobody asked to see this")
        return _answer(_text("done"))

    @server.tool(structured_output=False)
    async def test_tool_with_progress(ctx: Ctx) -> CallToolResult:
        """Three steps of progress."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
            await anyio.sleep(_PAUSE)
        return _answer(_text("done"))

    @server.tool(structured_output=False)
    async def test_reconnection(ctx: Ctx) -> CallToolResult:
        """Ends the stream in mid-call where a server can take it up again."""
        await ctx.close_sse_stream()
        await anyio.sleep(_PAUSE)
        return _answer(_text("done"))

    @server.tool(structured_output=False)
    async def test_sampling(prompt: str, ctx: Ctx) -> CallToolResult:
        """Text of the host's model, in the older revisions."""
        asked = SamplingMessage(role="user", content=_text(prompt))
        result = await ctx.session.create_message([asked], max_tokens=100)
        assert isinstance(result.content, TextContent)
        return _answer(_text(f"LLM response: {result.content.text}"))

    @server.tool(structured_output=False)
    async def test_elicitation(message: str, ctx: Ctx) -> CallToolResult:
        """A form, in the older revisions."""
        result = await ctx.elicit(message, Person)
        return _answer(_text(f"User response: {result.model_dump_json()}"))

    @server.tool(structured_output=False)
    async def test_elicitation_sep1034_defaults(ctx: Ctx) -> CallToolResult:
        """A form whose fields have defaults."""
        result = await ctx.session.elicit_form("Who is it?", _DEFAULTS)
        return _answer(_text(f"Elicitation completed: {result.model_dump_json()}"))

    @server.tool(structured_output=False)
    async def test_elicitation_sep1330_enums(ctx: Ctx) -> CallToolResult:
        """A form with each kind of choice."""
        result = await ctx.session.elicit_form("Which ones?", _ENUMS)
        return _answer(_text(f"Elicitation completed: {result.model_dump_json()}"))


def guides(server: MCPServer[Any]) -> None:
    """Prompts and resources."""

    @server.prompt()
    async def test_simple_prompt() -> str:
        """Words."""
        return "This is a simple prompt for testing."

    @server.prompt()
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Words with two arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    # The argument's name is the suite's.
    @server.prompt()
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
        """A resource and words."""
        text = "Embedded resource content for testing."
        resource = _embedded(resourceUri, "text/plain", text)
        return [
            UserMessage(resource),
            UserMessage(_text("Please process the embedded resource above.")),
        ]

    @server.prompt()
    async def test_prompt_with_image() -> list[UserMessage]:
        """An image and words."""
        return [UserMessage(_image()), UserMessage(_text("Please analyze the image above."))]

    @server.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        """Text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        """An image."""
        return _png()

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:
        """What its address says."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", mime_type="text/plain")
    async def watched() -> str:
        """A resource to subscribe to."""
        return "Watched resource content."
