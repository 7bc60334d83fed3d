"""Faults of an exchange as a whole: what happens instead of, before or after the answer.

Each act takes the exchange and its fault. `exchange.ask()` is what applies a write, so an act
that never calls it happens before applying.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.responses import Response

from order_skills.sandbox import bodies
from order_skills.sandbox.faults import Fault

if TYPE_CHECKING:
    from order_skills.sandbox.gate import Answer, Exchange

Act = Callable[["Exchange", Fault], Awaitable[None]]

# Nothing slows down or ends the reader of an ASGI transport, so that "endless" has an end there.
ENDLESS_WITHOUT_SOCKET = 32_000_000


async def _rate_limited(exchange: "Exchange", fault: Fault) -> None:
    response = exchange.dialect.error_of(429)
    response.status_code = fault["status"]
    given = fault["retry_after"]
    for value in [given] if isinstance(given, str) else given or []:
        response.headers.append("retry-after", value)
    await exchange.answer(_answer(response))


async def _status(exchange: "Exchange", fault: Fault) -> None:
    body = fault["body"]
    if body is None:
        response = exchange.dialect.error_of(fault["code"])
        response.status_code = fault["code"]
    elif isinstance(body, str):
        response = Response(body, fault["code"], media_type="text/plain")
    else:
        response = Response(json.dumps(body), fault["code"], media_type="application/json")
    for name, value in fault["headers"].items():
        response.headers[name] = value
    await exchange.answer(_answer(response))


async def _status_after(exchange: "Exchange", fault: Fault) -> None:
    await exchange.ask()
    await _status(exchange, fault)


async def _redirect(exchange: "Exchange", fault: Fault) -> None:
    headers = {"location": fault["location"]}
    await exchange.answer(_answer(Response(b"", fault["code"], headers)))


async def _reset_before(exchange: "Exchange", fault: Fault) -> None:
    await exchange.break_off()


async def _reset_after(exchange: "Exchange", fault: Fault) -> None:
    await exchange.ask()
    await exchange.break_off()


async def _no_answer(exchange: "Exchange", fault: Fault) -> None:
    if fault["applied"]:
        await exchange.ask()
    await exchange.gone()


async def _hold(exchange: "Exchange", fault: Fault) -> None:
    if fault["applied"]:
        answer = await exchange.ask()
        await fault.hold()
    else:
        await fault.hold()
        answer = await exchange.ask()
    await exchange.answer(answer)


async def _twice(exchange: "Exchange", fault: Fault) -> None:
    first = await exchange.ask()
    await exchange.ask()
    await exchange.answer(first)


async def _cut_body(exchange: "Exchange", fault: Fault) -> None:
    answer = await exchange.ask()
    keep = len(answer.body) // 2 if fault["keep"] is None else fault["keep"]
    await exchange.begin(answer)
    part = {"type": "http.response.body", "body": answer.body[:keep]}
    await exchange.send({**part, "more_body": exchange.connection is not None})
    if exchange.connection is not None:
        await exchange.break_off(gently=True)


async def _malformed(exchange: "Exchange", fault: Fault) -> None:
    answer = await exchange.ask()
    bend, content_type = bodies.MALFORMED[fault["what"]]
    await exchange.answer(answer.with_body(bend(answer.body), content_type))


async def _huge(exchange: "Exchange", fault: Fault) -> None:
    answer = await exchange.ask()
    size = fault["size"]
    if fault["endless"]:
        size = None if exchange.connection is not None else ENDLESS_WITHOUT_SOCKET
    answer = answer.with_body(b"", bodies.JSON)
    headers = [pair for pair in answer.headers if pair[0] != b"content-length"]
    if not fault["endless"]:
        headers.append((b"content-length", str(size).encode()))
    answer.headers[:] = headers
    await exchange.begin(answer)
    await exchange.stream(bodies.padding(size))


async def _gzip_bomb(exchange: "Exchange", fault: Fault) -> None:
    answer = await exchange.ask()
    packed = bodies.bomb(fault["size"], fault["layers"], fault["encoding"])
    answer = answer.with_body(packed, bodies.JSON)
    named = ", ".join([fault["encoding"]] * fault["layers"])
    answer.headers.append((b"content-encoding", named.encode()))
    await exchange.answer(answer)


async def _slow_body(exchange: "Exchange", fault: Fault) -> None:
    answer = await exchange.ask()
    await exchange.begin(answer)
    await exchange.stream(_slowly(answer.body, 1 / fault["bytes_per_second"]))


async def _slowly(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    async for piece in bodies.trickle(body):
        await asyncio.sleep(seconds)
        yield piece


async def _raw(exchange: "Exchange", fault: Fault) -> None:
    end, applied = fault["end"], fault["applied"]
    answer = await exchange.ask() if applied or end == "answer" else None
    if exchange.connection is not None:
        exchange.connection.write(fault["data"].encode("latin-1"))
    if answer is not None and end == "answer":
        await exchange.answer(answer)
    else:
        await exchange.break_off(gently=end == "fin")


def _answer(response: Response) -> "Answer":
    from order_skills.sandbox.gate import Answer

    return Answer.of(response)


ACTS: dict[str, Act] = {
    "rate_limited": _rate_limited,
    "status": _status,
    "status_after": _status_after,
    "redirect": _redirect,
    "reset_before": _reset_before,
    "reset_after": _reset_after,
    "no_answer": _no_answer,
    "hold": _hold,
    "twice": _twice,
    "cut_body": _cut_body,
    "malformed": _malformed,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "slow_body": _slow_body,
    "raw": _raw,
}
