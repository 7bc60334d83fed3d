"""Arguments: strict models, and their errors in our words, which never repeat a value.

Strict means: a number in quotes, a boolean or a float is no amount, and an argument that the
tool does not have is refused. The SDK's own reading would accept all of these.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.fields import FieldInfo

from order_skills import money, text
from order_skills.errors import Refusal, invalid

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


class Arguments(BaseModel):
    """Base of every tool's arguments.

    Attributes:
        untold: arguments that are taken, to be refused in words of their own, and not offered.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
    untold: ClassVar[frozenset[str]] = frozenset()


def _instant(value: str) -> str:
    """Checks the form; `instant` reads it."""
    try:
        moment = instant(value)
    except (ValueError, OverflowError):
        moment = None
    # No order is older, and a day can be taken from, or added to, all between.
    if moment is None or not 1970 <= moment.year < 9999:
        raise ValueError("must be a date (2026-11-21) or a time (2026-11-21T10:30:00Z)")
    return value


def instant(value: str) -> datetime:
    """A date (its first moment) or a date and time, as aware UTC; without a zone it is UTC.

    Raises:
        ValueError, OverflowError: it is neither.
    """
    if len(value) == len("2026-11-21"):
        day = date.fromisoformat(value)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _true(value: object) -> object:
    """Only true itself: 1 and 1.0 equal it in Python."""
    if value is not True:
        raise ValueError("must be true, or left away")
    return value


# No label or note is longer; a note may have lines.
LABEL_CAP = 128
NOTE_CAP = 1_000


def _label(value: str) -> str:
    """Text as it may be kept by a store: without what nobody can see."""
    return _plain(value, LABEL_CAP)


def _note(value: str) -> str:
    return _plain(value, NOTE_CAP)


def _plain(value: str, cap: int) -> str:
    if not (plain := text.clean(value, cap)):
        raise ValueError("must not be empty")
    return plain


def _link(value: str) -> str:
    if not value.startswith(("https://", "http://")) or text.clean(value, NOTE_CAP) != value:
        raise ValueError("must be a link that begins with https://")
    if any(char.isspace() for char in value):
        raise ValueError("must not hold spaces")
    return value


REFUND_ID_PATTERN = r"^rr_[0-9a-z]{4,32}$"

# Of another platform's ids something else is told.
ORDER_ID_LIKE = "e.g. ord_abc123"
OF_ANY_STORE = "As list_orders shows it"
OrderId = Annotated[str, Field(pattern=ID_PATTERN, description=ORDER_ID_LIKE)]
ItemId = Annotated[str, Field(pattern=ID_PATTERN, description="item_id from get_order")]
CheckoutId = Annotated[str, Field(pattern=ID_PATTERN, description="The order's checkout_id")]
RefundId = Annotated[str, Field(pattern=REFUND_ID_PATTERN, description="e.g. rr_7f3k2m9a0b")]
# An id of anything else; what it is of is said where it is used.
AnyId = Annotated[str, Field(pattern=ID_PATTERN)]
AmountMinor = Annotated[
    int, Field(ge=1, le=money.MAX_MINOR, description="In minor units: 24.99 USD is 2499")
]
# Of a price or a payment, which may be nothing.
PriceMinor = Annotated[int, Field(ge=0, le=money.MAX_MINOR)]
Pieces = Annotated[int, Field(ge=1, le=10_000)]
Label = Annotated[
    str, StringConstraints(min_length=1, max_length=LABEL_CAP), AfterValidator(_label)
]
Note = Annotated[str, StringConstraints(min_length=1, max_length=NOTE_CAP), AfterValidator(_note)]
Link = Annotated[str, StringConstraints(max_length=NOTE_CAP), AfterValidator(_link)]
Instant = Annotated[str, StringConstraints(max_length=40), AfterValidator(_instant)]
# Text to look for: what surrounds it is no part of it.
Words = Annotated[str, StringConstraints(strip_whitespace=True)]
Yes = Annotated[Literal[True], BeforeValidator(_true)]

# pydantic's kind of error → our words. `{}` is filled from the error's context, which holds
# the schema's bounds and never the value.
_PROBLEMS: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not an argument of this tool",
    "int_type": "must be a whole number without quotes, decimals or true/false",
    "int_from_float": "must be a whole number without decimals",
    "int_parsing_size": "is too large",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "string_pattern_mismatch": "does not have the form of such an id",
    "string_too_short": "must not be empty or too short",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of: {expected}",
    # Raised by validators of ours, in words that do not repeat the value.
    "value_error": "{error}",
}

# An id of another kind than the one asked for: where the right one is found.
_FORMS: Mapping[str, str] = {
    REFUND_ID_PATTERN: "does not have the form of ours, which refund_order, cancel_order and "
    "check_refund answer with; the store's own id of a refund is another",
}


def read(model: type[Arguments], raw: Mapping[str, Any], tool: str) -> Arguments:
    """The arguments, or the first thing that is wrong with them.

    Raises:
        Refusal: INVALID_ARGUMENT, naming the argument.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    except (RecursionError, UnicodeError, ValueError):
        # An integer of thousands of digits, or a nesting that no argument has.
        raise refused("an argument", "cannot be read", model, tool) from None
    kind, context = first["type"], first.get("ctx", {})
    problem = _PROBLEMS.get(kind, "is not valid").format(**context)
    problem = _FORMS.get(context.get("pattern", ""), problem)
    raise refused(_name(first["loc"]), problem, model, tool)


def refused(argument: str, problem: str, model: type[Arguments], tool: str) -> Refusal:
    """INVALID_ARGUMENT with the arguments that the tool takes."""
    offered = {n: field for n, field in model.model_fields.items() if n not in model.untold}
    taken = ", ".join(_taken(name, field) for name, field in offered.items())
    return invalid(argument, problem, f"call {tool} again; it takes {taken}")


def _taken(name: str, field: FieldInfo) -> str:
    if name == "store":
        # Which there are is known to the server alone.
        return f"store (one of: {', '.join(get_args(field.annotation))})"
    return name if field.is_required() else f"{name}?"


def exactly_one(tool: str, model: type[Arguments], **given: object) -> None:
    """Refuses unless exactly one of these was given.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if sum(value is not None for value in given.values()) != 1:
        names = ", ".join(name for name in given if name not in model.untold)
        raise refused(names, "must be given as exactly one of them", model, tool)


def _name(location: tuple[int | str, ...]) -> str:
    # A name comes from the caller when it is one that the tool does not have.
    return text.clean(".".join(str(part) for part in location), 64) or "an argument"
