"""Callers that cost little: MCP in plain JSON, over pipes or HTTP.

The SDK's client takes longer for a call than a server does, and would make every server look
the same.
"""

import asyncio
import itertools
import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "bench", "version": "1"}
# More than any answer has.
LIMIT_BYTES = 20_000_000

Json = dict[str, Any]


class Caller(Protocol):
    """Calls tools, one at a time or several at once."""

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Json:
        """The result of one call, which is no protocol error."""


def request(number: int, method: str, params: Mapping[str, Any] | None = None) -> Json:
    """A request of the protocol."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params or {})}


def result_of(answer: Mapping[str, Any]) -> Json:
    """The result in an answer.

    Raises:
        ValueError: it is a protocol error.
    """
    if "result" not in answer:
        raise ValueError(f"a protocol error: {json.dumps(answer.get('error'))}")
    found: Json = answer["result"]
    return found


class Pipe:
    """A server's process over its standard input and output, in the older era."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._in, self._out = process.stdin, process.stdout
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._reading = asyncio.create_task(self._read())

    async def begin(self) -> Json:
        """The handshake; the answer of `initialize`."""
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        found = await self.ask("initialize", params)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return found

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Json:
        """The result of one request."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._write(request(number, method, params))
        return result_of(await answer)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Json:
        """See `Caller`."""
        return await self.ask("tools/call", {"name": tool, "arguments": dict(arguments)})

    def _write(self, message: Json) -> None:
        self._in.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        while line := await self._out.readline():
            message = json.loads(line)
            if (waiting := self._waiting.pop(message.get("id"), None)) is not None:
                waiting.set_result(message)
        for waiting in self._waiting.values():
            waiting.set_exception(ConnectionError("the server has ended"))


class Http:
    """One kept connection to a server over Streamable HTTP; one request at a time.

    Args:
        url: the address of MCP, `http://127.0.0.1:PORT/mcp`.
        era: MODERN, which has no sessions, or LEGACY after `begin`.
    """

    def __init__(self, url: str, era: str = MODERN) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._era = era
        self._session: str | None = None
        self._numbers = itertools.count(1)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def begin(self) -> None:
        """Open a session, in the older era; the connection may have had another before."""
        self._session = None
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        headers, body = await self.send("POST", request(0, "initialize", params))
        result_of(_message(headers, body, 0))
        self._session = headers.get("mcp-session-id")
        await self.send("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def end(self) -> None:
        """End the session, if there is one."""
        if self._session is not None:
            await self.send("DELETE", None)
            self._session = None

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Json:
        """See `Caller`."""
        params: Json = {"name": tool, "arguments": dict(arguments)}
        extra = {}
        if self._era == MODERN:
            extra = {"mcp-method": "tools/call", "mcp-name": tool}
            name = "io.modelcontextprotocol/"
            params["_meta"] = {
                f"{name}protocolVersion": MODERN,
                f"{name}clientInfo": CLIENT,
                f"{name}clientCapabilities": {},
            }
        number = next(self._numbers)
        headers, body = await self.send("POST", request(number, "tools/call", params), extra)
        return result_of(_message(headers, body, number))

    async def send(
        self, method: str, message: Json | None, extra: Mapping[str, str] | None = None
    ) -> tuple[dict[str, str], bytes]:
        """One HTTP request; the headers and the body of its answer.

        Raises:
            ValueError: a status that is no success.
        """
        body = b"" if message is None else json.dumps(message).encode()
        lines = [
            f"{method} {self._path} HTTP/1.1",
            f"host: {self._host}:{self._port}",
            "accept: application/json, text/event-stream",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        if message is None or message["method"] != "initialize":
            lines.append(f"mcp-protocol-version: {self._era}")
        if self._session is not None:
            lines.append(f"mcp-session-id: {self._session}")
        lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
        try:
            reader, writer = self._streams or await self._connect()
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            status, headers = await _head(reader)
            found = await _body(reader, headers)
        except BaseException:
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        if not 200 <= status < 300:
            raise ValueError(f"HTTP {status}: {found[:200]!r}")
        return headers, found

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._host, self._port, limit=LIMIT_BYTES)
        return self._streams

    def close(self) -> None:
        """Hang up; the next request connects again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return int(lines[0].split()[1]), headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


def _message(headers: Mapping[str, str], body: bytes, number: int) -> Json:
    """The answer to a request in a body: JSON, or one of the events of a stream."""
    if headers.get("content-type", "").startswith("application/json"):
        found: Json = json.loads(body)
        return found
    for line in body.splitlines():
        if line.startswith(b"data:") and (data := line[5:].strip()):
            message: Json = json.loads(data)
            if message.get("id") == number:
                return message
    raise ValueError("the stream ended without an answer")
