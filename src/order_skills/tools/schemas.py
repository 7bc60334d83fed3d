"""JSON schemas without what costs tokens and says nothing: titles, null branches, defaults.

`anyOf`, `oneOf` and `allOf` at the top of an input schema make some hosts refuse every tool;
none of ours has one, and rules such as "exactly one of" are checked in code.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from order_skills.tools.arguments import ORDER_ID_LIKE, Arguments


def of_arguments(
    model: type[Arguments], narrowed: Mapping[str, Collection[str]], order_id_like: str
) -> dict[str, Any]:
    """The input schema; `narrowed` replaces an argument's enum by what the stores can have.

    `order_id_like`: what stands for the example of an order's id.
    """
    schema = _compact(_made(model, "validation"), keep_text=True)
    for name in model.untold:
        del schema["properties"][name]
    for argument in schema.get("properties", {}).values():
        if argument.get("description") == ORDER_ID_LIKE:
            argument["description"] = order_id_like
    for name, words in narrowed.items():
        if name in schema.get("properties", {}):
            argument = schema["properties"][name]
            # Of a list, each entry is one of the words.
            argument.get("items", argument)["enum"] = list(words)
    schema.setdefault("properties", {})
    return schema


def of_answer(model: type[BaseModel], *, sandbox: bool, several: bool) -> dict[str, Any]:
    """The output schema. Answers may grow, so it does not forbid further fields."""
    schema = _compact(_made(model, "serialization"), keep_text=False)
    if several:
        schema["properties"] = {"store": {"type": "string"}, **schema["properties"]}
    if sandbox:
        schema["properties"] = {"sandbox": {"type": "boolean"}, **schema["properties"]}
    return schema


@lru_cache(maxsize=64)
def _made(model: type[BaseModel], mode: JsonSchemaMode) -> Mapping[str, Any]:
    # Slow to make, and the same for every server of the process.
    return model.model_json_schema(mode=mode)


def _compact(schema: Mapping[str, Any], *, keep_text: bool) -> dict[str, Any]:
    inner = {k: v for k, v in schema.items() if k not in ("$defs", "description")}
    compact: dict[str, Any] = _walk(inner, schema.get("$defs", {}), keep_text)
    return compact


# What is an answer by itself is told there in full: within another, what it always has is enough.
_TOLD_ELSEWHERE = frozenset({"Order"})


def _walk(node: Any, definitions: Mapping[str, Any], keep_text: bool) -> Any:
    if isinstance(node, list):
        return [_walk(entry, definitions, keep_text) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        # Each definition is used once or twice: standing where it is used costs less to read.
        name = node["$ref"].rpartition("/")[2]
        target = {k: v for k, v in definitions[name].items() if k != "description"}
        if name in _TOLD_ELSEWHERE and not keep_text:
            always = target["required"]
            target["properties"] = {k: target["properties"][k] for k in always}
        about = {k: v for k, v in node.items() if k == "description"}
        return _walk({**target, **about}, definitions, keep_text)
    if "anyOf" in node:
        branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
        if len(branches) == 1:
            rest = {k: v for k, v in node.items() if k != "anyOf"}
            return _walk({**branches[0], **rest}, definitions, keep_text)
    result = {}
    for key, value in node.items():
        if key == "properties":
            result[key] = {k: _walk(v, definitions, keep_text) for k, v in value.items()}
        elif not _says_nothing(key, value, keep_text):
            result[key] = _walk(value, definitions, keep_text)
    return result


# Larger bounds and patterns are checked in code alone: the examples say them shorter.
_LARGEST_BOUND_TOLD = 500


def _says_nothing(key: str, value: Any, keep_text: bool) -> bool:
    match key:
        case "additionalProperties":
            return value is True or not keep_text
        case "required":
            # What an answer always has is seen in it: told for each of ours, it is a tenth of
            # what the whole list costs, in every conversation.
            return not keep_text
        case "enum":
            # An answer's words are explained where they are asked for.
            return not keep_text
        case "maximum" | "maxLength":
            return bool(value > _LARGEST_BOUND_TOLD)
        case "default":
            return value is None
    return key in ("title", "pattern", "minLength")
