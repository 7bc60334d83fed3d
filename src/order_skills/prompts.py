"""The prompts: ways through the tools that a person can pick in a host.

Each is listed where the tools that it leads to are. What it says is in `prompt_words`; here
stand its arguments, which are all text, as the protocol has it, and are checked like a tool's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import Message, PromptArgument, UserMessage
from pydantic import PrivateAttr

from order_skills import prompt_words, text
from order_skills.errors import Code, Refusal, invalid
from order_skills.prompt_arguments import ARGUMENTS
from order_skills.prompt_words import Case
from order_skills.protocol_errors import protocol_error
from order_skills.stores.base import Store
from order_skills.tools import catalogue
from order_skills.tools.entry import Entry
from order_skills.tools.menu import Menu
from order_skills.workspace import Workspace


@dataclass(frozen=True)
class PromptSpec:
    """A prompt. A store serves it with any one of the tools in `needs`.

    `of_all`: without a store's name it is about each of several stores.
    """

    name: str
    title: str
    description: str
    arguments: tuple[str, ...]
    needs: frozenset[str]
    words: Callable[[Case], str]
    of_all: bool = False


PROMPTS = (
    PromptSpec(
        "daily_order_check",
        "Daily order check",
        "Count the orders since yesterday, and list what needs a person. Changes nothing.",
        ("created_after",),
        frozenset({"order_report"}),
        prompt_words.daily_order_check,
        of_all=True,
    ),
    PromptSpec(
        "handle_refund_request",
        "Handle a refund request",
        "From a customer's wish for money back to an answer: the order, what is possible, what "
        "a person decides, and what may be told.",
        ("order_id", "customer_email"),
        # In read-only mode checking alone is left, and the words say so.
        frozenset({"refund_order", "cancel_order", "check_refund"}),
        prompt_words.handle_refund_request,
    ),
    PromptSpec(
        "resend_download_link",
        "Resend a download link",
        "Make new links to the files of a paid order, for its customer.",
        ("order_id", "customer_email", "item_id"),
        frozenset({"resend_download"}),
        prompt_words.resend_download_link,
    ),
    PromptSpec(
        "wrong_size_support",
        "Help with a wrong size",
        "A customer got the wrong size: what was bought, what else there is, what to do and say.",
        ("order_id", "customer_email", "item_id", "wanted_size"),
        frozenset({"wrong_size_playbook"}),
        prompt_words.wrong_size_support,
    ),
)


@dataclass(frozen=True)
class Offer:
    """A prompt as this workspace's stores and mode have it: the tools of each store that can."""

    spec: PromptSpec
    tools: Mapping[str, frozenset[str]]
    several: bool

    @property
    def arguments(self) -> list[PromptArgument]:
        """What it takes."""
        found = [
            PromptArgument(name=name, description=ARGUMENTS[name].description, required=False)
            for name in self.spec.arguments
        ]
        if self.several:
            about = f"Which store: {', '.join(self.tools)}"
            if self.spec.of_all:
                about += "; absent: each of them"
            store = PromptArgument(name="store", description=about, required=not self.spec.of_all)
            found.insert(0, store)
        return found


def listed(workspace: Workspace) -> tuple[Offer, ...]:
    """The prompts whose tools this workspace's server lists."""
    entries = _tools(workspace)
    tools = {name: _tools_of(store, entries) for name, store in workspace.stores.items()}
    offers = []
    for spec in PROMPTS:
        can = {name: found for name, found in tools.items() if not spec.needs.isdisjoint(found)}
        if can:
            offers.append(Offer(spec, can, several=len(tools) > 1))
    return tuple(offers)


def _tools(workspace: Workspace) -> tuple[Entry, ...]:
    return catalogue.listed(workspace.settings, tuple(workspace.stores.values()), workspace.scopes)


def _tools_of(store: Store, entries: tuple[Entry, ...]) -> frozenset[str]:
    return frozenset(entry.name for entry in entries if entry.needs(store.capabilities))


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Put the prompts on the server."""
    for offer in listed(workspace):
        server.add_prompt(OfferedPrompt.of(offer, workspace))


def refuse_unknown(workspace: Workspace, method: str, params: Mapping[str, Any]) -> None:
    """Refuse a request for a prompt that is not there.

    Raises:
        MCPError: INVALID_ARGUMENT, with the names of those there are.
    """
    names = [offer.spec.name for offer in listed(workspace)]
    if method == "prompts/get" and params.get("name") not in names:
        step = f"use one of: {', '.join(names)}"
        unknown = Refusal(Code.INVALID_ARGUMENT, "there is no prompt of that name", step)
        raise protocol_error(unknown)


class OfferedPrompt(Prompt):
    """A prompt of the SDK whose reading of arguments and errors are ours."""

    _offer: Offer = PrivateAttr()
    _workspace: Workspace = PrivateAttr()

    @classmethod
    def of(cls, offer: Offer, workspace: Workspace) -> "OfferedPrompt":
        """The prompt for the SDK's list."""
        spec = offer.spec
        prompt = cls(
            name=spec.name,
            title=spec.title,
            description=spec.description,
            arguments=offer.arguments,
            fn=_never_called,
            context_kwarg=None,
        )
        prompt._offer, prompt._workspace = offer, workspace
        return prompt

    async def render(self, arguments: dict[str, Any] | None, context: Any) -> list[Message]:
        """The prompt's words for these arguments.

        Raises:
            MCPError: an argument is refused; its message begins with the tools' code.
        """
        try:
            given = self._read(arguments or {})
            stores = self._stores(given.pop("store", None))
        except Refusal as refusal:
            raise protocol_error(refusal) from None
        entries = _tools(self._workspace)
        menu = Menu(
            catalogue.NAMES,
            {entry.name: entry.needs for entry in entries},
            several=self._offer.several,
        )
        parts = []
        for store in stores:
            case = Case(given, self._offer.tools[store.name], store.capabilities)
            said = menu.sentence(self._offer.spec.words(case), store)
            parts.append(f"# Store {store.name}\n\n{said}" if len(stores) > 1 else said)
        return [UserMessage("\n\n".join(parts))]

    def _read(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """The arguments that were given; a field that a host left blank was not."""
        known = [argument.name for argument in self._offer.arguments]
        given: dict[str, str] = {}
        for name, value in arguments.items():
            if name not in known:
                named = text.clean(name, 64) or "an argument"
                raise self._refused(named, "is not an argument of this prompt")
            if not isinstance(value, str):
                raise self._refused(name, "must be text")
            if not (value := value.strip()):
                continue
            check = ARGUMENTS[name].problem if name in ARGUMENTS else self._store_problem
            if (problem := check(value)) is not None:
                raise self._refused(name, problem)
            given[name] = value
        return given

    def _store_problem(self, value: str) -> str | None:
        names = ", ".join(self._workspace.stores)
        return None if value in self._workspace.stores else f"must be one of: {names}"

    def _stores(self, name: str | None) -> list[Store]:
        """The stores that it is about.

        Raises:
            Refusal: no store was named, or one that cannot serve it.
        """
        offer, stores = self._offer, self._workspace.stores
        if name is None and offer.several and not offer.spec.of_all:
            raise self._refused("store", "is required")
        if name is not None and name not in offer.tools:
            raise Refusal(
                Code.NOT_SUPPORTED,
                f"there are no tools for {offer.spec.name} at store {name}",
                f"tell the person; it works for: {', '.join(offer.tools)}",
            )
        return [stores[found] for found in offer.tools if name in (None, found)]

    def _refused(self, argument: str, problem: str) -> Refusal:
        taken = ", ".join(
            argument.name if argument.required else f"{argument.name}?"
            for argument in self._offer.arguments
        )
        step = f"get {self._offer.spec.name} again; it takes {taken}"
        return invalid(argument, problem, step)


async def _never_called() -> str:
    """Stands where the SDK wants a function; `OfferedPrompt.render` does the work."""
    raise NotImplementedError
