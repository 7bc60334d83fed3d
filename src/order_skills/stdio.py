"""Standard input and output, with a courtesy to hosts that ask twice.

The SDK lets a connection's first request decide its protocol era. Some hosts send
`server/discover` of the newer era and then `initialize` of the older one on the same pipe, and
would be refused. Discover requests in front are answered here, by the SDK, each on a connection
of its own; the first other request decides.

What was answered before the server was loaded is not said again: room `quick_start`.
"""

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest

from order_skills.quick_start.watch import Watch


async def serve(server: MCPServer[Any], watch: Watch) -> None:
    """Serve until the input ends."""
    # The SDK offers no public way to run over streams of one's own; a test pins this one.
    lowlevel = server._lowlevel_server
    options = lowlevel.create_initialization_options()
    lines = cast("anyio.AsyncFile[str]", _Lines(watch))
    async with stdio_server(lines) as (read, writing), anyio.create_task_group() as beside:
        write = _NotSaidYet(writing, watch)

        async def ask(messages: Sequence[SessionMessage]) -> list[SessionMessage]:
            """The answers of a connection of its own, each before the next message is sent."""
            send_in, receive_in = anyio.create_memory_object_stream[Any](1)
            send_out, receive_out = anyio.create_memory_object_stream[Any](1)
            answers = []
            async with send_in, receive_out, anyio.create_task_group() as tasks:
                tasks.start_soon(lowlevel.run, receive_in, send_out, options)
                for message in messages:
                    await send_in.send(message)
                    if _is_request(message):
                        answers.append(await receive_out.receive())
                tasks.cancel_scope.cancel()
            return answers

        async def answer(request: SessionMessage) -> None:
            for found in await ask([request]):
                await write.send(found)

        beside.start_soon(watch.keep_when_complete)
        beside.start_soon(watch.compare, ask)
        await lowlevel.run(_AfterDiscovery(read, answer, watch), write, options)
        beside.cancel_scope.cancel()
        watch.keep()


class _Lines:
    """The input as the SDK reads it, line by line."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._texts: deque[str] = deque()

    def __aiter__(self) -> "_Lines":
        return self

    async def __anext__(self) -> str:
        if not self._texts:
            self._texts.extend(await self._watch.texts())
        if not self._texts:
            raise StopAsyncIteration
        return self._texts.popleft()


class _NotSaidYet:
    """The output, without the answers that were given before the server was loaded."""

    def __init__(self, write: Any, watch: Watch) -> None:
        self._write = write
        self._watch = watch

    async def send(self, message: SessionMessage) -> None:
        """Send it, unless it was."""
        if not self._watch.holds_back(message):
            await self._write.send(message)

    async def aclose(self) -> None:
        """Close the output."""
        await self._write.aclose()

    async def __aenter__(self) -> "_NotSaidYet":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class _AfterDiscovery:
    """The input without the discover requests in front of it, which `answer` gets."""

    def __init__(self, read: Any, answer: Any, watch: Watch) -> None:
        self._read = read
        self._answer = answer
        self._watch = watch
        self._decided = False

    @property
    def last_context(self) -> Any:
        """The context of the sender, which the SDK looks for."""
        return self._read.last_context

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        while True:
            await self._watch.settled()
            item: SessionMessage | Exception = await self._read.receive()
            self._watch.came(item)
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
