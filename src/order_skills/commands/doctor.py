"""`order-skills doctor`: one line for each thing that has to be right, with the mend.

A line begins with `ok`, `fail`, or `note` for what is worth knowing. No line holds a key.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from order_skills import settings
from order_skills.commands.checks import folder_problem, making_problem, try_store, webhooks
from order_skills.commands.checks_of_service import service
from order_skills.errors import ConfigurationError
from order_skills.settings_file import not_private
from order_skills.settings_platforms import PLATFORMS, key_kind
from order_skills.settings_stores import StoreSettings
from order_skills.workspace import open_ledger

Word = Literal["ok", "fail", "note"]
Line = tuple[Word, str, str]


def run(environ: Mapping[str, str], config: Path | None) -> int:
    """Print every check as soon as it is made, and return 1 if one failed, else 0."""
    failed = False
    for word, subject, text in _lines(environ, config):
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        print(f"{word:<4}  {subject}: {line}", flush=True)
        failed = failed or word == "fail"
    return 1 if failed else 0


def _lines(environ: Mapping[str, str], config: Path | None) -> Iterator[Line]:
    try:
        found = settings.load(environ, config)
    except ConfigurationError as error:
        yield "fail", "settings", str(error)
        return
    file = f"{found.config} and the environment" if found.config else "the environment"
    yield "ok", "settings", f"read from {file}"
    state = "is private" if found.home.exists() else "is made when it is needed"
    yield _judged("home", folder_problem(found.home), f"{found.home} {state}")
    if not found.stores:
        variables = ", ".join(platform.key_variable for platform in PLATFORMS.values())
        yield (
            "fail",
            "store",
            f"none is configured; set one of {variables}, or run: order-skills init",
        )
    for store in found.stores:
        kind = key_kind(store.key.reveal()) or "a key of a form that this version does not know"
        yield "ok", f"key of {store.name}", f"{kind}, from {store.key_setting}"
        problem = try_store(store, trust_env=found.trust_env)
        yield _judged(f"store {store.name}", problem, _answers(store))
        if told := webhooks(found.home, store):
            yield told[0], f"webhooks of {store.name}", told[1]
    yield from _twice(found.stores)
    yield from _ledger(found)
    yield from service(found)
    yield from _notes(found)


def _judged(subject: str, problem: str | None, well: str) -> Line:
    return ("ok", subject, well) if problem is None else ("fail", subject, problem)


def _answers(store: StoreSettings) -> str:
    which = "" if store.store_id is None else f" store {store.store_id}"
    return f"{PLATFORMS[store.platform].title}{which} answers to its key at {store.url}"


def _twice(stores: Sequence[StoreSettings]) -> Iterator[Line]:
    """One account under two names has two histories: a refund of one is unknown to the other."""
    first: dict[tuple[str, ...], str] = {}
    for store in stores:
        account = (store.platform, store.url, store.key.reveal(), store.store_id or "")
        other = first.setdefault(account, store.name)
        if other != store.name:
            problem = f"is the same account as {other}; remove one, or its refunds count apart"
            yield "fail", f"store {store.name}", problem


def _ledger(found: settings.Settings) -> Iterator[Line]:
    shown = "the PostgreSQL database"
    if isinstance(found.ledger, Path):
        shown = str(found.ledger)
        if problem := _file_problem(found.ledger):
            yield "fail", "ledger", problem
            return
        if not found.ledger.exists():
            yield "ok", "ledger", f"{shown} can be written, and is made when it is needed"
            return
    from order_skills.commands.refunds_freeze import since
    from order_skills.refunds.ledger import LedgerError

    try:
        ledger = open_ledger(found)
        try:
            frozen = ledger.frozen()
        finally:
            ledger.close()
    except LedgerError as error:
        yield "fail", "ledger", str(error)
        return
    yield "ok", "ledger", f"{shown} can be written"
    if frozen is None:
        yield "ok", "refunds", "are not frozen"
    else:
        yield "note", "refunds", f"are frozen {since(frozen)}; run: order-skills refunds unfreeze"


def _file_problem(ledger: Path) -> str | None:
    try:
        info = ledger.stat()
    except FileNotFoundError:
        return making_problem(ledger)
    except OSError as error:
        return f"{ledger} cannot be used ({error.strerror})"
    if not stat.S_ISREG(info.st_mode):
        return f"{ledger} is not a regular file"
    if problem := not_private(info, ledger):
        return f"{ledger} {problem}"
    return None if os.access(ledger, os.R_OK | os.W_OK) else f"{ledger} cannot be written"


def _notes(found: settings.Settings) -> Iterator[Line]:
    if found.approval.kind == "never":
        yield "note", "approval", "never: refunds within the limits are sent without a person"
    elif "host" in found.approval_doors:
        yield (
            "note",
            "approval",
            "a host's form is only as honest as the host; "
            "ORDER_SKILLS_APPROVAL_DOORS=command leaves the terminal as the only door",
        )
    if found.approval_passphrase is None:
        yield (
            "note",
            "passphrase",
            "none is set: who can run commands as you, an agent included, can try to approve; "
            "set one with: order-skills init --passphrase",
        )
    if found.trust_env:
        yield "note", "proxies", "those of the environment are used, and can see the keys"
