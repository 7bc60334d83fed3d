"""`order-skills report`: the daily order check for a person, as text or as an HTML file."""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from order_skills import settings
from order_skills.errors import ConfigurationError
from order_skills.settings_platforms import PLATFORMS

if TYPE_CHECKING:
    from order_skills.reports.facts import Report

_A_DAY = timedelta(days=1)
_WIDTH_UNLESS_KNOWN = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write one HTML file instead of text"
    )
    parser.add_argument(
        "--after", type=_moment, metavar="DATE", help="orders from then on (default: 24 hours ago)"
    )
    parser.add_argument(
        "--before", type=_moment, metavar="DATE", help="orders until then (default: now)"
    )
    parser.add_argument("--store", metavar="NAME", help="this store alone (default: every one)")
    parser.add_argument(
        "--sandbox", action="store_true", help="of the embedded store: no key, no network"
    )
    parser.add_argument(
        "--platform",
        choices=tuple(PLATFORMS),
        action="append",
        default=[],
        help="with --sandbox: whose dialect it speaks (default: clawver); repeat it for several",
    )


def run(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    """Print or write the report, and return the exit code: 1 where a part could not be read.

    Raises:
        ConfigurationError: an option or a setting cannot be used; nothing was asked of a store.
    """
    found = _settings(environ, given)
    names = _names(found, given.store)
    now = datetime.now(UTC)
    after, before = _period(given.after, given.before, now)
    file: Path | None = given.html
    if file is not None:
        from order_skills.commands import report_file

        file = report_file.checked(file, found)
    # Here, because they load the event loop and more.
    import asyncio

    from order_skills import logs
    from order_skills.commands import report_gather
    from order_skills.reports.composing import Period

    logs.configure("critical" if found.log == "warning" else found.log, found.secrets())
    period = Period(after, before, now, to_now=given.before is None)
    report = asyncio.run(report_gather.gather(found, names, period))
    written = _print(report) if file is None else _write(report, file)
    return 0 if _say_what_is_missing(report) and written else 1


def _settings(environ: Mapping[str, str], given: argparse.Namespace) -> settings.Settings:
    if given.platform and not given.sandbox:
        raise ConfigurationError(
            "--platform", "chooses embedded stores and needs --sandbox; --store chooses yours"
        )
    found = settings.load(
        environ,
        given.config,
        sandbox=given.sandbox,
        embedded=given.platform or settings.DEFAULT_EMBEDDED,
    )
    if not found.stores and not given.sandbox:
        from order_skills.commands import no_store

        raise no_store(
            "set one of them or run `order-skills init`, "
            "or try without a key: order-skills report --sandbox"
        )
    return found


def _names(found: settings.Settings, asked: str | None) -> Sequence[str]:
    names = found.embedded if found.sandbox else tuple(store.name for store in found.stores)
    if asked is None:
        return names
    if asked not in names:
        raise ConfigurationError("--store", f"must be one of: {', '.join(names)}")
    return (asked,)


def _period(
    after: datetime | None, before: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    end = before or now
    start = after or end - _A_DAY
    if start >= end:
        raise ConfigurationError(
            "--after", "must be before --before" if before else "must be in the past"
        )
    return start, end


def _print(report: "Report") -> bool:
    from order_skills.commands.terminal import plain, tell
    from order_skills.reports.plain import lines

    encoding = sys.stdout.encoding or "ascii"

    def safe(text: str) -> str:
        # As it will be shown, so that columns are measured by it.
        return plain(text).encode(encoding, "backslashreplace").decode(encoding)

    width = shutil.get_terminal_size((_WIDTH_UNLESS_KNOWN, 24)).columns
    for line in lines(report, width, safe):
        tell(line)
    return True


def _write(report: "Report", file: Path) -> bool:
    from order_skills.commands.config_file import write_private
    from order_skills.commands.terminal import say, tell
    from order_skills.reports.page import page

    try:
        write_private(file, page(report))
    except OSError as error:
        say(f"--html: the file could not be written ({error.strerror})")
        return False
    tell(f"Written: {file}")
    return True


def _say_what_is_missing(report: "Report") -> bool:
    """Names on standard error what could not be read; whether everything could."""
    from order_skills.commands.terminal import say
    from order_skills.reports.facts import Unread

    whole = True
    for store in report.stores:
        if isinstance(store, Unread):
            say(f"{store.name} could not be read. {store.problem}")
            whole = False
        elif store.refunds.problem is not None:
            say(f"{store.name}: {store.refunds.problem}")
            whole = False
    return whole


def _moment(text: str) -> datetime:
    from pydantic import TypeAdapter, ValidationError

    from order_skills.tools import arguments

    try:
        return arguments.instant(TypeAdapter(arguments.Instant).validate_python(text))
    except ValidationError:
        raise argparse.ArgumentTypeError(
            "must be a date (2026-11-21) or a time (2026-11-21T10:30:00Z), in UTC"
        ) from None
