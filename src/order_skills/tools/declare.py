"""What a tool is, and the only bridge between our code and what an agent reads.

A tool declares its effect, its strict arguments and its answer; from these follow its hints,
its schemas, whether this mode lists it, and that nothing but our own errors reaches an agent.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
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
from order_skills.tools.menu import Menu

if TYPE_CHECKING:
    from order_skills.settings import Settings
    from order_skills.workspace import Workspace

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Arguments)


class Effect(Enum):
    """What a call can do. What is not classified does not exist: the field has no default."""

    READS = "reads"
    CHANGES = "changes"
    MOVES_MONEY = "moves money"


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
    """A tool. `needs` says which stores can serve it; `run` does the work.

    `of_lines`: how it is offered where every store refunds whole lines and no amounts.
    `wanted`: whether this owner has set up what it is about.
    `repeatable`: whether calling it again with the same arguments changes nothing more.
    `additive`: whether what it changes only adds to the store, so that nothing is lost by it.
    `choices`: the words that a store can have for an argument, for its schema.
    `rest`: how what does not fit into an answer is seen, see `bounds.fit`.
    """

    name: str
    title: str
    description: str
    effect: Effect
    arguments: type[A]
    answer: type[BaseModel]
    run: Callable[[ToolCall, A], Awaitable[BaseModel]]
    needs: Callable[[Capabilities], bool] = field(default=lambda _: True)
    wanted: Callable[["Settings"], bool] = field(default=lambda _: True)
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

    def hints(self) -> ToolAnnotations:
        """All four hints, always. Reading a store is open world: its data is not ours."""
        return ToolAnnotations(
            read_only_hint=self.effect is Effect.READS,
            destructive_hint=not (self.effect is Effect.READS or self.additive),
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
    """A tool of the SDK whose reading of arguments, errors and answers are ours."""

    _spec: ToolSpec[Any] = PrivateAttr()
    _arguments: type[Arguments] = PrivateAttr()
    _workspace: "Workspace" = PrivateAttr()
    _menu: Menu = PrivateAttr()
    _choices: Mapping[str, Collection[str]] = PrivateAttr()
    _order_id_like: str = PrivateAttr()
    _described: bool = PrivateAttr(default=False)

    @classmethod
    def declare(cls, spec: ToolSpec[Any], workspace: "Workspace", menu: Menu) -> "DeclaredTool":
        """The tool as this workspace's stores and mode have it."""
        choices: dict[str, dict[str, None]] = {}
        serving = {n: s.capabilities for n, s in workspace.stores.items()}
        serving = {n: store for n, store in serving.items() if spec.needs(store)}
        for store in serving.values():
            for argument, words in spec.choices(store).items():
                choices.setdefault(argument, {}).update(dict.fromkeys(words))
        choices["store"] = dict.fromkeys(serving)
        offer = spec.offer(serving.values())
        likes = {store.order_id_like for store in serving.values()}
        tool = _blank().model_copy(
            update={
                "name": spec.name,
                "title": spec.title,
                "description": offer.description,
                "annotations": spec.hints(),
                "fn_metadata": _blank().fn_metadata.model_copy(),
            }
        )
        tool._spec, tool._workspace, tool._menu = spec, workspace, menu
        tool._arguments = _with_store(offer.arguments, tuple(workspace.stores), tuple(serving))
        tool._choices = choices
        tool._order_id_like = likes.pop() if len(likes) == 1 else arguments.OF_ANY_STORE
        return tool

    def describe(self) -> None:
        """Make its schemas, which a list needs and no call does."""
        if self._described:
            return
        self.parameters = schemas.of_arguments(self._arguments, self._choices, self._order_id_like)
        self.fn_metadata.output_schema = schemas.of_answer(
            self._spec.answer,
            sandbox=self._workspace.settings.sandbox,
            several=len(self._workspace.stores) > 1,
        )
        self._described = True

    async def run(
        self, arguments_given: dict[str, Any], context: Any, convert_result: bool = False
    ) -> CallToolResult | InputRequiredResult:
        """One call, from raw arguments to the result; never raises but for cancellation."""
        spec, workspace = self._spec, self._workspace
        # Known before the arguments are read, for the words of what is wrong with them.
        store = workspace.stores.get(str(arguments_given.get("store")))
        try:
            given = arguments.read(self._arguments, arguments_given, spec.name)
            store = workspace.store_of(getattr(given, "store", None))
            if not spec.needs(store.capabilities):
                raise self._menu.not_supported(spec.name, store)
            try:
                answer = await spec.run(ToolCall(workspace, store, context), given)
            finally:
                if spec.effect is not Effect.READS:
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
            logger.error("%s failed unexpectedly: %s", spec.name, type(error).__name__)
            logger.debug("%s", spec.name, exc_info=error)
            return self._error(_internal(spec), store)
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


def _internal(spec: ToolSpec[Any]) -> AgentError:
    next_step = "tell the owner; order-skills wrote the kind of error to its log"
    if spec.effect is not Effect.READS:
        look = "get_refund or get_order" if spec.effect is Effect.MOVES_MONEY else "get_order"
        next_step = f"do not repeat it; ask {look} what happened, tell the owner"
    return StoreError(
        Code.STORE_BAD_ANSWER,
        f"{spec.name} met something it does not know how to read",
        next_step,
    )
