"""What `init` and `doctor` share: one reading request to a store, and a look at a folder."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Literal

from order_skills import text
from order_skills.errors import Code, StoreError
from order_skills.settings_file import not_private
from order_skills.settings_stores import StoreSettings
from order_skills.webhooks.secret_file import SecretFile
from order_skills.workspace import open_store

# What an owner does about each answer; an agent is told otherwise.
_MENDS = {
    Code.STORE_UNAUTHORIZED: "put a working key there",
    Code.STORE_FORBIDDEN: "give the key the right to read orders",
    Code.STORE_RATE_LIMITED: "wait a minute and try again",
    Code.STORE_UNAVAILABLE: "check this machine's network and the address",
    Code.STORE_BAD_ANSWER: "check that the address is the store's",
    Code.NOT_SUPPORTED: "check that the address is the store's",
}


def try_store(store: StoreSettings, *, trust_env: bool) -> str | None:
    """Make one reading request; why it failed, with the mend, or None when it worked.

    Args:
        trust_env: whether the environment's proxies are used.
    """
    try:
        asyncio.run(_check(store, trust_env))
    except StoreError as error:
        what, also = "the address and the key", ""
        if store.store_id is not None:
            what, also = "the address, the store's id and the key", f"store {store.store_id}, "
        mend = _MENDS.get(error.code, f"check {what}")
        return f"{error.message}; {mend} ({store.key_setting}, {also}{store.url})"
    return None


async def _check(store: StoreSettings, trust_env: bool) -> None:
    opened = open_store(store, trust_env=trust_env)
    try:
        await opened.check()
    finally:
        await opened.aclose()


def folder_problem(folder: Path) -> str | None:
    """Why a folder cannot hold what is private, with the mend; None: it can, or could be made."""
    try:
        info = folder.stat()
    except FileNotFoundError:
        return making_problem(folder)
    except OSError as error:
        return f"{folder} cannot be used ({error.strerror})"
    if not stat.S_ISDIR(info.st_mode):
        return f"{folder} is not a folder"
    if problem := not_private(info, folder):
        return f"{folder} {problem}"
    return making_problem(folder / "file")


def making_problem(path: Path) -> str | None:
    """Why nothing can be made at this path, which is not there yet; None: something can."""
    above = path.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        return f"{above} is not a folder"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{above} cannot be written to; allow it, or choose another place"
    return None


def webhooks(home: Path, store: StoreSettings) -> tuple[Literal["ok", "fail", "note"], str] | None:
    """How it stands with the secrets that sign a store's events; None: it has nothing of them."""
    file = SecretFile(home, store.name)
    if problem := file.problem():
        return "fail", problem
    count = len(store.webhook_secrets) + len(file.read())
    if count:
        return "ok", f"{text.counted(count, 'secret')} can sign its events"
    if not store.webhook_hosts and not file.is_there():
        return None
    return "note", "no secret signs its events yet, so none is taken; see order-skills webhooks"
