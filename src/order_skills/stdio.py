"""Standard input and output, with a courtesy to hosts that ask twice.

The SDK lets a connection's first request decide its protocol era. Some hosts send
`server/discover` of the newer era and then `initialize` of the older one on the same pipe, and
would be refused. Discover requests in front are answered here, by the SDK, each on a connection
of its own; the first other request decides.
"""

from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest


async def serve(server: MCPServer[Any]) -> None:
    """Serve until the input ends."""
    # The SDK offers no public way to run over streams of one's own; a test pins this one.
    lowlevel = server._lowlevel_server
    options = lowlevel.create_initialization_options()
    async with stdio_server() as (read, write):

        async def answer(request: SessionMessage) -> None:
            send_in, receive_in = anyio.create_memory_object_stream[Any](1)
            send_out, receive_out = anyio.create_memory_object_stream[Any](1)
            async with send_in, receive_out, anyio.create_task_group() as tasks:
                await send_in.send(request)
                tasks.start_soon(lowlevel.run, receive_in, send_out, options)
                await write.send(await receive_out.receive())
                tasks.cancel_scope.cancel()

        await lowlevel.run(_AfterDiscovery(read, answer), write, options)


class _AfterDiscovery:
    """The input without the discover requests in front of it, which `answer` gets."""

    def __init__(self, read: Any, answer: Any) -> None:
        self._read = read
        self._answer = answer
        self._decided = False

    @property
    def last_context(self) -> Any:
        """The context of the sender, which the SDK looks for."""
        return self._read.last_context

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        while True:
            item: SessionMessage | Exception = await self._read.receive()
            if self._decided or not _is_request(item):
                return item
            if not _is_discovery(item):
                self._decided = True
                return item
            await self._answer(item)

    async def aclose(self) -> None:
        """Close the input."""
        await self._read.aclose()

    def __aiter__(self) -> "_AfterDiscovery":
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> "_AfterDiscovery":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _is_request(item: SessionMessage | Exception) -> bool:
    return isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCRequest)


def _is_discovery(item: Any) -> bool:
    # Well formed or not: the SDK refuses those that are not, and takes some for a decision.
    return bool(item.message.method == "server/discover")
