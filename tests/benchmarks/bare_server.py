"""A bare MCPServer with one tool, over stdio: what the SDK alone costs."""

from mcp.server import MCPServer

server: MCPServer[None] = MCPServer("bare")


@server.tool()
async def ping(text: str) -> str:
    """Answer with the text."""
    return text


if __name__ == "__main__":
    server.run()
