"""A server for each set of rights: what a principal may not see does not exist in its server.

The views of one process share the stores, the desk, the ledger and the mailroom; lists, schemas,
prompts, resources and what completion has seen are each view's own.
"""

import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import anyio.abc
from starlette.types import ASGIApp, Receive, Scope, Send

from order_skills import principals
from order_skills.principals import Principal
from order_skills.server import OrderServer
from order_skills.workspace import Workspace

# Sixteen sets of scopes over a few groups of stores; the view used longest ago makes room.
MOST_VIEWS = 64

_Key = tuple[frozenset[principals.Scope], frozenset[str]]


@dataclass
class View:
    """One server's application, and the scope in which its sessions live."""

    server: OrderServer
    application: ASGIApp
    life: anyio.CancelScope
    calls: int = 0


class Views:
    """Serves each principal from the view of its rights; made at first use.

    Args:
        serving: makes the server of a workspace.
        application: makes of a server what answers its requests, and that context manager in
            which its sessions live.
    """

    def __init__(
        self,
        workspace: Workspace,
        serving: Callable[[Workspace], OrderServer],
        application: Callable[
            [OrderServer], tuple[ASGIApp, contextlib.AbstractAsyncContextManager[None]]
        ],
    ) -> None:
        self._workspace = workspace
        self._serving = serving
        self._application = application
        self._views: OrderedDict[_Key, View] = OrderedDict()
        self._making = anyio.Lock()
        self._tasks: anyio.abc.TaskGroup | None = None

    def sees(self, principal: Principal) -> bool:
        """Whether there is a store for this principal."""
        return bool(self._stores(principal))

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """The time in which requests are served; sessions end with it."""
        async with anyio.create_task_group() as self._tasks:
            yield
            self._tasks.cancel_scope.cancel()

    async def serve(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """A request of this principal, which sees at least one store."""
        view = await self._view(principal)
        # A stream of notices lasts as its client does; calls alone keep a view.
        call = scope["method"] == "POST"
        view.calls += call
        try:
            await view.application(scope, receive, send)
        finally:
            view.calls -= call

    async def _view(self, principal: Principal) -> View:
        stores = self._stores(principal)
        key = (principal.scopes, stores)
        async with self._making:
            view = self._views.get(key)
            if view is None:
                whole = self._workspace
                part = whole.limited_to(stores, principal.scopes)
                everything = stores == frozenset(whole.stores) and part.scopes == whole.scopes
                assert self._tasks is not None, "requests are served while it runs"
                view = await self._tasks.start(self._live, whole if everything else part)
                self._make_room()
                self._views[key] = view
            self._views.move_to_end(key)
        return view

    def _make_room(self) -> None:
        """End the views used longest ago; none with a call under way, which would be cut off."""
        for key in [key for key, view in self._views.items() if not view.calls]:
            if len(self._views) < MOST_VIEWS:
                return
            self._views.pop(key).life.cancel()

    def _stores(self, principal: Principal) -> frozenset[str]:
        stores = frozenset(self._workspace.stores)
        return stores if principal.stores is None else stores & principal.stores

    async def _live(
        self,
        workspace: Workspace,
        *,
        task_status: anyio.abc.TaskStatus[View] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        server = self._serving(workspace)
        application, sessions = self._application(server)
        with anyio.CancelScope() as life:
            async with sessions:
                task_status.started(View(server, application, life))
                await anyio.sleep_forever()
