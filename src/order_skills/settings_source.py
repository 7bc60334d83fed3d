"""One place that settings come from, which knows what each of them is called there."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from order_skills.errors import ConfigurationError
from order_skills.settings_values import BadValue

T = TypeVar("T")


class Source:
    """Settings from one place, the environment or a table of a file, by their short names.

    Args:
        values: what it holds.
        label: makes of a short name the one that an error gives, such as `ORDER_SKILLS_LOG`.
    """

    def __init__(self, values: Mapping[str, object], label: Callable[[str], str]) -> None:
        self.values = values
        self.label = label

    def get(self, name: str, read: Callable[[object], T]) -> T | None:
        """The setting as `read` understands it, None where this source does not say.

        Raises:
            ConfigurationError: naming the setting, never its value.
        """
        if name not in self.values:
            return None
        try:
            return read(self.values[name])
        except BadValue as bad:
            raise self.wrong(name, str(bad)) from None

    def wrong(self, name: str, problem: str) -> ConfigurationError:
        """The error for one of its settings."""
        # A name may be anything in a file; an error is one harmless line.
        return ConfigurationError(self.label(ascii(name)[1:-1][:60]), problem)

    def refuse_others(self, known: Iterable[str]) -> None:
        """Refuse a name that is none of the known ones, suggesting the nearest.

        Raises:
            ConfigurationError: naming it.
        """
        names = tuple(known)
        for name in self.values:
            if name not in names:
                import difflib

                near = difflib.get_close_matches(name, names, 1)
                hint = f"; did you mean {self.label(near[0])}?" if near else ""
                raise self.wrong(name, f"is no setting of order-skills{hint}")
