"""What a tool is, and the only bridge between our code and what an agent reads.

A tool declares its strict arguments and its answer, the catalogue its effect; from these follow
its hints and its schemas, and that nothing but our own errors reaches an agent.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    SkipValidation,
    create_model,
)

from order_skills.errors import AgentError, Code, StoreError
from order_skills.stores.base import Capabilities, Store
from order_skills.tools import arguments, bounds, in_flight, memory, rendering, schemas
from order_skills.tools.arguments import Arguments
from order_skills.tools.entry import Effect, Entry
from order_skills.tools.menu import Menu

if TYPE_CHECKING:
    from order_skills.workspace import Workspace

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class ToolCall:
    """What a tool's function is given beside its arguments."""

    workspace: "Workspace"
    store: Store
    context: Context[Any, Any]

    async def progress(self, done: int, total: int) -> None:
        """Tell a host that asked for it how far the call is."""
        await self.context.report_progress(done, total)


@dataclass(frozen=True)
class Offer:
    """How a tool is offered: what it says of itself, and the arguments that it tells of."""

    description: str
    arguments: type[Arguments]


@dataclass(frozen=True)
class ToolSpec(Generic[A]):
    """A tool; `run` does the work. Who can have it stands in the catalogue, see `entry`.

    `of_lines`: how it is offered where every store refunds whole lines and no amounts.
    `repeatable`: whether calling it again with the same arguments changes nothing more.
    `additive`: whether what it changes only adds to the store, so that nothing is lost by it.
    `choices`: the words that a store can have for an argument, for its schema.
    `rest`: how what does not fit into an answer is seen, see `bounds.fit`.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    answer: type[BaseModel]
    run: Callable[[ToolCall, A], Awaitable[BaseModel]]
    repeatable: bool = True
    additive: bool = False
    choices: Callable[[Capabilities], Mapping[str, Sequence[str]]] = field(
        default=lambda store: {"status": store.statuses}
    )
    rest: Mapping[str, str] = field(default_factory=dict)
    of_lines: Offer | None = None

    def offer(self, stores: Collection[Capabilities]) -> Offer:
        """How it is offered where these stores serve it."""
        if self.of_lines is not None and all(store.refunds_lines for store in stores):
            return self.of_lines
        return Offer(self.description, self.arguments)

    def hints(self, effect: Effect) -> ToolAnnotations:
        """All four hints, always. Reading a store is open world: its data is not ours."""
        return ToolAnnotations(
            read_only_hint=effect is Effect.READS,
            destructive_hint=not (effect is Effect.READS or self.additive),
            idempotent_hint=self.repeatable,
            open_world_hint=True,
        )


class ErrorAnswer(Exception):
    """An answer that is an error and still carries its structure: a refund that was rejected."""

    def __init__(self, error: AgentError, answer: BaseModel) -> None:
        super().__init__(str(error))
        self.error = error
        self.answer = answer


class AskHost(Exception):
    """The tool needs something of the host before it can answer; the host repeats the call."""

    def __init__(self, request: InputRequiredResult) -> None:
        super().__init__("input required")
        self.request = request


class DeclaredTool(Tool):
    """A tool of the SDK whose reading of arguments, errors and answers are ours.

    Until a call or a list needs it, it is a name.
    """

    _entry: Entry = PrivateAttr()
    _workspace: "Workspace" = PrivateAttr()
    _menu: Menu = PrivateAttr()
    _described: bool = PrivateAttr(default=False)

    @classmethod
    def declare(cls, entry: Entry, workspace: "Workspace", menu: Menu) -> "DeclaredTool":
        """The tool as this workspace's stores and mode have it."""
        blank = _blank()
        tool = blank.model_copy(
            update={"name": entry.name, "fn_metadata": blank.fn_metadata.model_copy()}
        )
        tool._entry, tool._workspace, tool._menu = entry, workspace, menu
        return tool

    @cached_property
    def _spec(self) -> ToolSpec[Any]:
        return self._entry.spec()

    @cached_property
    def _serving(self) -> list[Store]:
        """The stores that can serve it."""
        stores = self._workspace.stores.values()
        return [store for store in stores if self._entry.needs(store.capabilities)]

    @cached_property
    def _offer(self) -> Offer:
        return self._spec.offer([store.capabilities for store in self._serving])

    @cached_property
    def _arguments(self) -> type[Arguments]:
        serving = tuple(store.name for store in self._serving)
        return _with_store(self._offer.arguments, tuple(self._workspace.stores), serving)

    def describe(self) -> None:
        """Fill in what it says and its schemas, which a list needs and no call does."""
        if self._described:
            return
        spec, offer = self._spec, self._offer
        self.title, self.description = spec.title, offer.description
        self.annotations = spec.hints(self._entry.effect)
        likes = {store.capabilities.order_id_like for store in self._serving}
        like = likes.pop() if len(likes) == 1 else arguments.OF_ANY_STORE
        self.parameters = schemas.of_arguments(self._arguments, self._choices(), like)
        self.fn_metadata.output_schema = schemas.of_answer(
            spec.answer,
            sandbox=self._workspace.settings.sandbox,
            several=len(self._workspace.stores) > 1,
        )
        self._described = True

    def _choices(self) -> Mapping[str, Collection[str]]:
        """The words that its stores can have for each argument."""
        found: dict[str, dict[str, None]] = {}
        for store in self._serving:
            for argument, words in self._spec.choices(store.capabilities).items():
                found.setdefault(argument, {}).update(dict.fromkeys(words))
        return {**found, "store": [store.name for store in self._serving]}

    async def run(
        self, arguments_given: dict[str, Any], context: Any, convert_result: bool = False
    ) -> CallToolResult | InputRequiredResult:
        """One call, from raw arguments to the result; never raises but for cancellation."""
        entry, workspace = self._entry, self._workspace
        # Known before the arguments are read, for the words of what is wrong with them.
        store = workspace.stores.get(str(arguments_given.get("store")))
        try:
            given = arguments.read(self._arguments, arguments_given, entry.name)
            store = workspace.store_of(getattr(given, "store", None))
            if not entry.needs(store.capabilities):
                raise self._menu.not_supported(entry.name, store)
            try:
                answer = await self._spec.run(ToolCall(workspace, store, context), given)
            finally:
                if entry.effect is not Effect.READS:
                    memory.of(store).forget(getattr(given, "order_id", ""))
                    in_flight.forget(store)
        except AskHost as asked:
            return asked.request
        except ErrorAnswer as error:
            return self._error(error.error, store, error.answer)
        except AgentError as error:
            return self._error(error, store)
        except Exception as error:
            # The text of an unexpected error may hold anything; only its kind is written down.
            logger.error("%s failed unexpectedly: %s", entry.name, type(error).__name__)
            logger.debug("%s", entry.name, exc_info=error)
            return self._error(_internal(entry), store)
        structure, shown = self._as_read(answer, store)
        return CallToolResult(
            content=[TextContent(type="text", text=shown)], structured_content=structure
        )

    def _as_read(self, answer: BaseModel, store: Store | None) -> tuple[dict[str, Any], str]:
        """The answer's structure and text."""
        fields = self._menu.answer(answer.model_dump(mode="json", exclude_none=True), store)
        if store is not None and len(self._workspace.stores) > 1 and "store" not in fields:
            # The next call has to name it.
            fields = {"store": store.name, **fields}
        if self._workspace.settings.sandbox:
            fields = {"sandbox": True, **fields}
        say = partial(self._menu.sentence, store=store)
        structure, shown = bounds.fit(fields, rendering.render, self._spec.rest, say)
        return dict(structure), shown

    def _error(
        self, error: AgentError, store: Store | None, answer: BaseModel | None = None
    ) -> CallToolResult:
        structure = None if answer is None else self._as_read(answer, store)[0]
        return error_result(self._menu.sentence(str(error), store), structure)


def _with_store(
    model: type[Arguments], names: tuple[str, ...], serving: tuple[str, ...]
) -> type[Arguments]:
    """The arguments with a required `store`, if there are several to choose from.

    Another one than those that serve the tool is taken, too, and refused as such: it is there.
    """
    if len(names) == 1:
        return model

    def known(value: object) -> object:
        if value not in names:
            raise ValueError(f"must be one of: {', '.join(serving)}")
        return value

    offered: Any = Literal[serving]
    choice: Any = Annotated[
        offered, SkipValidation, AfterValidator(known), Field(description="Which store")
    ]
    return create_model(model.__name__, __base__=model, store=(choice, ...))


async def _never_called() -> None:
    """Stands where the SDK wants a function; `DeclaredTool.run` does the work."""


@cache
def _blank() -> DeclaredTool:
    """What the SDK makes of that function, once for all tools."""
    tool = DeclaredTool.from_function(_never_called, structured_output=False)
    assert isinstance(tool, DeclaredTool)
    return tool


def error_result(text: str, structure: Mapping[str, Any] | None = None) -> CallToolResult:
    """An error as an agent reads it: its text begins with the code."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=None if structure is None else dict(structure),
        is_error=True,
    )


def _internal(entry: Entry) -> AgentError:
    next_step = "tell the owner; order-skills wrote the kind of error to its log"
    if entry.effect is not Effect.READS:
        look = "get_refund or get_order" if entry.effect is Effect.MOVES_MONEY else "get_order"
        next_step = f"do not repeat it; ask {look} what happened, tell the owner"
    return StoreError(
        Code.STORE_BAD_ANSWER,
        f"{entry.name} met something it does not know how to read",
        next_step,
    )
