"""The server's side of a quick start: it gets what it must know, and says what was not yet said.

Of the lines that were answered early, the one that opened the connection and the notifications go
to the server like any other, so that it is where it would be; its answer is held back. The
others leave nothing behind: they are asked again a little later, beside the connection, only to
compare. The lines behind them, up to the first that is not a plain question about the server
itself, are kept with their answers for the next start.
"""

import io
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp.types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)

from order_skills.errors import ConfigurationError
from order_skills.quick_start.front import Start
from order_skills.quick_start.lines import HEAD, Place, without_id

logger = logging.getLogger(__name__)

# What is answered the same way at every moment of a connection: it depends on nothing but the
# connection's opening and the inputs. `initialize` counts as the opening alone.
LASTING = frozenset(
    {
        "server/discover",
        "ping",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    }
)
_NOTHING_TO_ANSWER = "notifications/initialized"
# A host that sent its first lines goes on at once; seconds.
QUIET = 1.0

Id = int | str
# Asks these on a connection of its own, one after the other, and answers the answers.
Ask = Callable[[Sequence[SessionMessage]], Awaitable[Sequence[SessionMessage]]]


class Watch:
    """What comes in and goes out at the beginning of a connection.

    Args:
        start: whose lines these are.
        early: the lines that were answered.
        files: names the files that decide whether a server starts, beside `config.toml`.
    """

    def __init__(
        self,
        start: Start,
        early: Sequence[bytes] = (),
        files: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._start = start
        self._files = files
        # Answered early: those that the server needs, and all by the connections to ask them on.
        self._early: deque[bytes] = deque()
        self._again: list[list[bytes]] = [[]]
        self._sort(early)
        self._repeating = len(self._early)
        # The opening is compared when the server answers it.
        self._to_compare = len(early) > self._repeating
        self._recording = start.kept is not None
        # The line of each message that is still to come; None where a line was several.
        self._lines: deque[bytes | None] = deque()
        self._place = Place()
        self._held_back: Id | None = None
        self._settled = anyio.Event()
        self._asked: dict[Id, _Asked] = {}
        self._new: dict[bytes, tuple[bool, bytes]] = {}
        self._news, self._complete = anyio.Event(), anyio.Event()

    async def texts(self) -> list[str]:
        """The next line as the server reads it, mostly one; none where the input has ended."""
        if self._early:
            line = self._early.popleft()
        else:
            line = await anyio.to_thread.run_sync(self._start.next_line)
        # As the SDK's own reader does: a carriage return ends a line, too.
        texts = list(io.TextIOWrapper(io.BytesIO(line), encoding="utf-8", errors="replace"))
        if self._repeating or self._recording:
            self._lines += [line if len(texts) == 1 else None] * len(texts)
        return texts

    async def settled(self) -> None:
        """Wait until what was answered early was answered again, before the next is read."""
        if self._held_back is not None:
            await self._settled.wait()

    def came(self, item: SessionMessage | Exception) -> None:
        """A message was read."""
        if not (self._repeating or self._recording):
            return
        line = self._lines.popleft()
        message = item.message if isinstance(item, SessionMessage) else None
        found = without_id(line) if line is not None else None
        if self._repeating:
            self._repeating -= 1
            assert line is not None
            asked = self._asked_by(line, self._place)
            if isinstance(message, JSONRPCRequest):
                self._asked[message.id] = asked
                self._held_back, self._settled = message.id, anyio.Event()
        elif found is None or not self._note(message, *found):
            self._recording = False
            self._look_if_complete()

    def holds_back(self, sent: SessionMessage) -> bool:
        """Whether this was said already; any other answer may be kept for the next start."""
        message = sent.message
        if not isinstance(message, JSONRPCResponse | JSONRPCError) or message.id is None:
            return False
        if message.id == self._held_back:
            self._compare(message, self._asked.pop(message.id))
            self._held_back = None
            self._settled.set()
            return True
        if (asked := self._asked.pop(message.id, None)) is not None:
            if isinstance(message, JSONRPCResponse) and (answer := _behind_id(message, asked)):
                self._new[asked.key] = (asked.opens, answer)
                self._news.set()
            self._look_if_complete()
        return False

    async def compare(self, ask: Ask) -> None:
        """Ask what was answered early again, when the server has the time."""
        if not self._to_compare:
            return
        await anyio.sleep(QUIET)
        for lines in self._again:
            place, as_message = Place(), jsonrpc_message_adapter.validate_json
            messages = [as_message(line, by_name=False) for line in lines]
            answers = iter(await ask([SessionMessage(message) for message in messages]))
            for line, message in zip(lines, messages, strict=True):
                asked = self._asked_by(line, place)
                if isinstance(message, JSONRPCRequest):
                    answer = next(answers).message
                    assert isinstance(answer, JSONRPCResponse | JSONRPCError)
                    self._compare(answer, asked)

    async def keep_when_complete(self) -> None:
        """Keep what is new for the next start, when the host goes on to something else."""
        await self._news.wait()
        with anyio.move_on_after(QUIET):
            await self._complete.wait()
        await anyio.to_thread.run_sync(self.keep)

    def keep(self) -> None:
        """Keep what is new for the next start, if anything is."""
        known = self._start.answers
        new = {key: said for key, said in self._new.items() if known.get(key) != said}
        self._new, self._recording = {}, False
        if not new or self._start.kept is None:
            return
        try:
            self._start.kept.write(new, self._files())
        except (OSError, ConfigurationError) as error:
            logger.info("the next start will be no quicker: %s", type(error).__name__)

    def _sort(self, early: Sequence[bytes]) -> None:
        place = Place()
        for line in early:
            was_open = place.is_open
            asked = self._asked_by(line, place)
            if not asked.number or place.is_open is not was_open:
                self._early.append(line)
            if place.is_open:
                self._again[-1].append(line)
            else:
                # In front of the opening, each has a connection of its own: see `stdio`.
                self._again.insert(-1, [line])

    def _asked_by(self, line: bytes, place: Place) -> "_Asked":
        """What a line asked that was answered early; it may open the connection."""
        found = without_id(line)
        assert found is not None, "it was answered, so it is plain"
        text, number = found
        key = place.key(text)
        opens, _ = self._start.answers[key]
        if opens:
            place.open(key)
        return _Asked(key, opens, number)

    def _compare(self, message: JSONRPCResponse | JSONRPCError, asked: "_Asked") -> None:
        _, said = self._start.answers[asked.key]
        if _behind_id(message, asked) != said and self._start.kept is not None:
            # Only a change that no input shows leads here, such as an edited library.
            logger.warning("an answer kept by an earlier start was out of date; it was given once")
            self._start.kept.forget()
            self._start.kept, self._recording = None, False

    def _note(self, message: JSONRPCMessage | None, text: bytes, number: bytes) -> bool:
        """Whether the message is one of those whose answers are kept."""
        key = self._place.key(text)
        if isinstance(message, JSONRPCNotification):
            if message.method != _NOTHING_TO_ANSWER or number or not self._place.is_open:
                return False
            self._new[key] = (False, b"")
            return True
        if not isinstance(message, JSONRPCRequest) or not number or message.id in self._asked:
            return False
        if message.method not in LASTING and not (
            message.method == "initialize" and not self._place.is_open
        ):
            return False
        opens = message.method != "server/discover"
        self._asked[message.id] = _Asked(key, opens, number)
        if opens:
            self._place.open(key)
        return True

    def _look_if_complete(self) -> None:
        if not self._recording and not self._asked:
            self._complete.set()


@dataclass(frozen=True)
class _Asked:
    """A request that is being answered: which line it was, and its id as it stood there."""

    key: bytes
    opens: bool
    number: bytes


def _behind_id(message: JSONRPCResponse | JSONRPCError, asked: _Asked) -> bytes:
    """An answer as it is written, from behind its id on."""
    written = message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    head = HEAD + asked.number
    return written[len(head) :] if written.startswith(head) else b""
