"""Completion of stores' names, and of order ids from what this process has answered before."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from order_skills import prompts, resources
from order_skills.errors import invalid
from order_skills.protocol_errors import protocol_error
from order_skills.seen import Seen
from order_skills.workspace import Workspace

# The most values that the protocol has in one answer.
SHOWN = 100


@dataclass(frozen=True)
class Completed:
    """A prompt or the address of an order: its arguments, and the stores that it is for."""

    arguments: frozenset[str]
    stores: tuple[str, ...]


def completed(workspace: Workspace) -> Mapping[str, Completed]:
    """All that has arguments, by name or address."""
    address, stores = resources.template(workspace), tuple(workspace.stores)
    arguments = {name for name in ("store", "order_id") if f"{{{name}}}" in address}
    found = {address: Completed(frozenset(arguments), stores)}
    for offer in prompts.listed(workspace):
        arguments = {argument.name for argument in offer.arguments}
        found[offer.spec.name] = Completed(frozenset(arguments), tuple(offer.tools))
    return found


def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
    known: Mapping[str, Completed],
    seen: Seen,
) -> Completion:
    """The values that begin with what was typed, the last seen first.

    Raises:
        MCPError: there is no such prompt, address or argument.
    """
    of = known.get(ref.name if isinstance(ref, PromptReference) else ref.uri)
    if of is None or argument.name not in of.arguments:
        what = "ref" if of is None else "argument"
        step = f"complete an argument of one of: {', '.join(known)}"
        raise protocol_error(invalid(what, "is not one that this server has", step))
    values: list[str] = []
    if argument.name == "store":
        values = list(of.stores)
    elif argument.name == "order_id":
        chosen = ((context and context.arguments) or {}).get("store")
        values = seen.of(store for store in of.stores if chosen in (None, "", store))
    found = [value for value in dict.fromkeys(values) if value.startswith(argument.value)]
    return Completion(values=found[:SHOWN], total=len(found), has_more=len(found) > SHOWN)
