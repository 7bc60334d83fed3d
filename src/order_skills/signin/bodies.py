"""The body of a request: read in time, of a bounded size, and what it asks for."""

import json
from typing import Any, NamedTuple

import anyio
from mcp.types import INVALID_REQUEST, PARSE_ERROR
from starlette.responses import Response
from starlette.types import Message, Receive

from order_skills.signin.challenges import refusal

# Arguments are small: a larger body is no call of these tools.
MAX_BODY_BYTES = 1024 * 1024
# A client hears why it is refused only after it has said what it had to say; up to here.
_READ_ON_BYTES = 16 * MAX_BODY_BYTES
# For a whole body, however it trickles.
MAX_BODY_SECONDS = 10.0
_TOO_MUCH = {
    408: ("too_slow", "the request came too slowly"),
    413: ("too_large", f"a request has at most {MAX_BODY_BYTES} bytes"),
}


async def whole(receive: Receive) -> bytes | Response:
    """The whole body; or what to answer instead: it is too large, or too slow."""
    held = bytearray()
    size = 0
    with anyio.move_on_after(MAX_BODY_SECONDS):
        while size <= _READ_ON_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                # Nobody reads this answer.
                return Response(status_code=400)
            piece = message.get("body", b"")
            size += len(piece)
            if size <= MAX_BODY_BYTES:
                held += piece
            if not message.get("more_body", False):
                return bytes(held) if size <= MAX_BODY_BYTES else _too_much(413)
        return _too_much(413)
    return _too_much(408)


def _too_much(status: int) -> Response:
    word, said = _TOO_MUCH[status]
    return refusal(status, word, said, {"connection": "close"})


def again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that has the body in one piece, and then what the connection says."""
    told = False

    async def once_more() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


class Asked(NamedTuple):
    """What a body asks for: "" where there is no method or no tool, None where there is no id."""

    method: str
    tool: str
    id: str | None


def asked_in(body: bytes) -> Asked | Response:
    """What a body asks for, or the refusal of one that is no JSON.

    What is wrong otherwise is refused by whoever reads it next, and so is a tool that this
    reading overlooked: it is not in that principal's list.
    """
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return refusal(400, "no_json", "the body is no JSON", code=PARSE_ERROR)
    if not isinstance(message, dict):
        return refusal(400, "no_request", "the body is no JSON-RPC message", code=INVALID_REQUEST)
    method, params, name = message.get("method"), message.get("params"), None
    if method == "tools/call" and isinstance(params, dict):
        name = params.get("name")
    # The SDK takes 1 and "1" for one id. A client's answer to a form bears an id, too: one of ours.
    number = str(message["id"]) if method and message.get("id") is not None else None
    return Asked(
        method if isinstance(method, str) else "", name if isinstance(name, str) else "", number
    )
