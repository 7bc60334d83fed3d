"""Notices that something happened to an order, to the hosts that subscribed to its address.

    older protocol: resources/subscribe, resources/unsubscribe, for as long as the session lasts
    newer protocol: subscriptions/listen, for as long as its answer is read

They are offered where recent_events is, and say what it would: a signed webhook named the order.
A notice holds the address that the host itself gave, and nothing else. It is sent once, to who
listens then, and proves nothing: the host reads the order.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import MCPServer
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import (
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from order_skills import principals
from order_skills.errors import Code, Refusal, invalid
from order_skills.principals import LOCAL, Principal
from order_skills.protocol_errors import protocol_error
from order_skills.resources import Place, place, template
from order_skills.workspace import Workspace

if TYPE_CHECKING:
    from order_skills.webhooks.arrivals import Arrived

# For all hosts of a server together: what they hold here is bounded.
MAX_ADDRESSES = 10_000
# Of one sign-in, so that it leaves room for others'.
MAX_ADDRESSES_OF_ONE = 1_000
# A host that takes longer to take a notice hears of no more.
SEND_SECONDS = 5.0
# Marks the sessions whose end is waited for.
_KNOWN = "order_skills.notices"


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Let hosts subscribe to the orders of this workspace's stores."""
    notices = Notices(workspace)
    # The SDK's own switch also promises to tell of changed lists, and has no older protocol.
    lowlevel = server._lowlevel_server
    for method, params, handler in (
        ("resources/subscribe", SubscribeRequestParams, notices.subscribe),
        ("resources/unsubscribe", UnsubscribeRequestParams, notices.unsubscribe),
        ("subscriptions/listen", SubscriptionsListenRequestParams, notices.listen),
    ):
        lowlevel.add_request_handler(method, params, handler)  # type: ignore[arg-type]
    server.middleware.append(_promise_no_more)


@dataclass
class _Wish:
    """What one session, or one stream of the newer protocol, wants to hear of, and whose it is."""

    caller: Principal = field(default_factory=principals.current)
    orders: dict[str, Place] = field(default_factory=dict)


class Notices:
    """Who wants to hear of which orders, of both protocols."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._bus = InMemorySubscriptionBus()
        self._handler = ListenHandler(self._bus)
        self._sessions: dict[Connection, _Wish] = {}
        self._streams: dict[object, _Wish] = {}
        self._begin = anyio.Lock()
        self._end: Callable[[], None] | None = None

    async def subscribe(
        self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams
    ) -> EmptyResult:
        """Tell this session of an order from now on.

        Raises:
            MCPError: the address is no order's here, the session cannot be told, there are too
                many, or the ledger cannot be read; nothing is subscribed to.
        """
        connection = _connection(ctx)
        if not connection.has_standalone_channel:
            raise protocol_error(
                Refusal(
                    Code.NOT_SUPPORTED,
                    "this server keeps no sessions, so it cannot tell this host of anything",
                    "ask recent_events, or use a host of the newer protocol",
                )
            )
        if (at := place(self._workspace, params.uri)) is None:
            raise self._nothing_to_tell("uri")
        wish = self._sessions.get(connection) or _Wish()
        if params.uri in wish.orders:
            return EmptyResult()
        self._refuse_too_many(1)
        if _KNOWN not in connection.state:
            connection.state[_KNOWN] = True
            connection.exit_stack.callback(self._forget, connection)
        self._sessions[connection] = wish
        wish.orders[params.uri] = at
        try:
            await self._watch()
        except BaseException:
            self._drop(connection, params.uri)
            raise
        return EmptyResult()

    async def unsubscribe(
        self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Tell this session of an order no more, whether it was told or not."""
        self._drop(_connection(ctx), params.uri)
        return EmptyResult()

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """A stream of notices. Its first says which of the wanted addresses are orders' here.

        Raises:
            MCPError: none of them is, there are too many, or the ledger cannot be read.
        """
        asked = dict.fromkeys(params.notifications.resource_subscriptions or ())
        orders = {uri: at for uri in asked if (at := place(self._workspace, uri)) is not None}
        if not orders:
            raise self._nothing_to_tell("notifications")
        self._refuse_too_many(len(orders))
        wanted = SubscriptionFilter(resource_subscriptions=list(orders))
        with self._stream(orders):
            await self._watch()
            return await self._handler(ctx, params.model_copy(update={"notifications": wanted}))

    @contextlib.contextmanager
    def _stream(self, orders: dict[str, Place]) -> Iterator[None]:
        token = object()
        self._streams[token] = _Wish(orders=orders)
        try:
            yield
        finally:
            del self._streams[token]
            self._rest()

    async def _watch(self) -> None:
        async with self._begin:
            if self._end is None:
                try:
                    self._end = await self._workspace.mailroom.arrivals.watch(self)
                except Refusal as error:
                    raise protocol_error(error) from None

    def _drop(self, connection: Connection, uri: str) -> None:
        if (wish := self._sessions.get(connection)) is None:
            return
        wish.orders.pop(uri, None)
        if not wish.orders:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._sessions.pop(connection, None)
        self._rest()

    def _rest(self) -> None:
        """Look for no events that nobody wants to hear of."""
        if self._end is not None and not self._sessions and not self._streams:
            self._end()
            self._end = None

    async def arrived(self, what: "Arrived") -> None:
        """Tell whoever subscribed to the order."""
        at = (what.account, what.order_id)
        # A stream picks its own out of all; each address is one event however many want it.
        for uri in {uri for wish in self._streams.values() for uri in _of(wish, at)}:
            await self._bus.publish(ResourceUpdated(uri))
        async with anyio.create_task_group() as tasks:
            for connection, wish in self._sessions.items():
                for uri in _of(wish, at):
                    tasks.start_soon(self._send, connection, uri)

    def closed(self) -> None:
        """End every stream, in order."""
        self._end = None
        self._handler.close()

    async def _send(self, connection: Connection, uri: str) -> None:
        with anyio.move_on_after(SEND_SECONDS):
            await connection.send_resource_updated(uri)
            return
        self._forget(connection)

    def _nothing_to_tell(self, argument: str) -> MCPError:
        step = f"subscribe to an order: {template(self._workspace)}"
        return protocol_error(invalid(argument, "names nothing that changes are told of", step))

    def _refuse_too_many(self, more: int) -> None:
        caller = principals.current()
        wishes = (*self._sessions.values(), *self._streams.values())
        held = sum(len(wish.orders) for wish in wishes)
        own = sum(len(wish.orders) for wish in wishes if wish.caller == caller)
        if caller is not LOCAL and own + more > MAX_ADDRESSES_OF_ONE:
            raise _too_many(f"one sign-in of no more than {MAX_ADDRESSES_OF_ONE}")
        if held + more > MAX_ADDRESSES:
            raise _too_many(f"of no more than {MAX_ADDRESSES}")


def _too_many(most: str) -> MCPError:
    return protocol_error(
        Refusal(
            Code.OVER_LIMIT,
            f"this server tells {most} orders at once",
            "unsubscribe from some; recent_events has what happened",
        )
    )


def _of(wish: _Wish, at: Place) -> list[str]:
    return [uri for uri, order in wish.orders.items() if order == at]


def _connection(ctx: ServerRequestContext[Any, Any]) -> Connection:
    # The SDK gives handlers no public way to what outlives the request; a test pins this one.
    return ctx.session._connection


async def _promise_no_more(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Announce notices where they can be sent, and none of lists, which never change."""
    found = await call_next(ctx)
    if isinstance(found, dict) and ctx.method in ("initialize", "server/discover"):
        offered = found.get("capabilities", {})
        for part in ("tools", "prompts", "resources"):
            if part in offered:
                offered[part]["listChanged"] = False
        if ctx.method == "initialize" and not _connection(ctx).has_standalone_channel:
            offered["resources"]["subscribe"] = False
    return found
