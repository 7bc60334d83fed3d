"""A store on a socket, a ledger in a home, and refunds in every state between the two."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from command_line import Run, StoreServer, Terminal, environment

from order_skills import settings
from order_skills.errors import AgentError
from order_skills.refunds.intents import Event, Intent, Request
from order_skills.sandbox import Fault
from order_skills.settings_platforms import PLATFORMS
from order_skills.workspace import Workspace, open_workspace

T = TypeVar("T")

# A T-shirt of 24.99 USD that was paid, and nothing refunded of it.
ORDER = "ord_1001"
# Longer than the quiet period.
AN_HOUR = 3_600


class Person(Terminal):
    """`order-skills` with a person at a terminal, who may also leave."""

    def see(self, question: str) -> None:
        """Wait until the question is asked."""
        self._read_until(lambda: question in self.shown)
        assert question in self.shown, self.shown

    def leave(self, question: str, text: str = "") -> None:
        """Wait until the question is asked, type this without Enter, and end the input."""
        self.see(question)
        # Twice: the first one hands over what stands in the line.
        os.write(self._person, text.encode() + b"\x04\x04")


class Scene:
    """What a test of the refund commands works on."""

    def __init__(self, home: Path, store: StoreServer, run: Run) -> None:
        self.home = home
        self.store = store
        self._run = run
        facts = PLATFORMS[store.box.platform]
        self.variables = {facts.key_variable: store.key, facts.url_variable: store.url}

    # --- the commands -------------------------------------------------------------------

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """`order-skills refunds …` without a terminal."""
        return self._run("refunds", *arguments, **{**self.variables, **variables})

    def person(self, *arguments: str, **variables: str) -> Person:
        """`order-skills refunds …` at a terminal."""
        environ = environment(self.home, **{**self.variables, **variables})
        return Person(environ, "refunds", *arguments)

    # --- what happened before -----------------------------------------------------------

    def settings(self, **variables: str) -> settings.Settings:
        """The settings that the commands find."""
        return settings.load(environment(self.home, **{**self.variables, **variables}))

    def in_workspace(self, work: Callable[[Workspace], Awaitable[T]], **variables: str) -> T:
        """Do something as a server's process would."""

        async def run() -> T:
            workspace = open_workspace(self.settings(**variables))
            try:
                return await work(workspace)
            finally:
                await workspace.aclose()

        return asyncio.run(run())

    def asked(
        self,
        amount_minor: int = 500,
        order_id: str = ORDER,
        reason: str = "came late",
        **variables: str,
    ) -> str:
        """The id of a refund that an agent asked for; by default it waits for a person."""

        async def work(workspace: Workspace) -> str:
            store = workspace.store_of(None)
            request = Request(order_id, reason, amount_minor=amount_minor)
            try:
                return (await workspace.desk.refund(store, request)).intent.refund_id
            except AgentError:
                # It was made an intent, and was not sent or rejected then.
                return (await workspace.desk.history(store, order_id))[-1].refund_id

        return self.in_workspace(work, **variables)

    def approve(self, refund_id: str) -> str:
        """A person approves it in a host's form; the error, if there is one."""

        async def work(workspace: Workspace) -> str:
            try:
                await workspace.desk.approve(refund_id, "test")
            except AgentError as error:
                return str(error)
            return ""

        return self.in_workspace(work)

    def refusal(self, amount_minor: int = 500, **variables: str) -> str:
        """The error that an agent gets which asks for a refund now."""

        async def work(workspace: Workspace) -> str:
            request = Request(ORDER, "came late", amount_minor=amount_minor)
            try:
                await workspace.desk.refund(workspace.store_of(None), request)
            except AgentError as error:
                return str(error)
            return ""

        return self.in_workspace(work, **variables)

    def sent(self, amount_minor: int = 500, order_id: str = ORDER, **facts: str) -> str:
        """The id of a refund that needed no person."""
        return self.asked(amount_minor, order_id, ORDER_SKILLS_APPROVAL="never", **facts)

    def lost(self, kind: str = "reset_after", order_id: str = ORDER) -> str:
        """The id of a refund whose answer was lost: `reset_before` was never made."""
        self.fault(kind, method="POST")
        return self.sent(order_id=order_id)

    def fault(self, kind: str, **facts: object) -> None:
        """The store fails so, once unless told."""
        self.store.box.faults.add(Fault(kind, **facts))  # type: ignore[arg-type]

    def held(self) -> Fault:
        """The store keeps the next refund waiting until it is released."""
        return self.store.box.faults.add(Fault("hold", method="POST"))

    def release(self, fault: Fault) -> None:
        """Let it go on."""
        self.store.in_its_loop(fault.release)

    def refunded_elsewhere(self, amount_minor: int, order_id: str = ORDER, reason: str = "") -> str:
        """Somebody refunds in the store's dashboard; the store's id of it."""
        box = self.store.box
        order = box.shop.refund(
            order_id, amount_minor, reason or "by hand", box.now(), allowed=lambda _: True
        )
        return order.refunds[-1].id

    def grown_older(self, seconds: int = AN_HOUR, ledger: str = "ledger.db") -> None:
        """Time goes by: what the ledger holds is so much older."""
        times = ("created_at", "expires_at", "approved_at", "claimed_at", "deadline", "checked_at")
        older = ", ".join(f"{time} = {time} - {seconds}" for time in times)
        with closing(sqlite3.connect(self.home / ledger, isolation_level=None)) as opened:
            opened.execute(f"UPDATE refund_intent SET {older}")

    # --- what is so now -----------------------------------------------------------------

    def intent(self, refund_id: str) -> Intent:
        """The refund as the ledger has it."""

        async def work(workspace: Workspace) -> Intent | None:
            return await workspace.desk.ledger.run(lambda books: books.get(refund_id))

        found = self.in_workspace(work)
        assert found is not None
        return found

    def events(self, refund_id: str) -> tuple[Event, ...]:
        """Its history."""

        async def work(workspace: Workspace) -> tuple[Event, ...]:
            return await workspace.desk.ledger.run(lambda books: books.events(refund_id))

        return self.in_workspace(work)

    def is_frozen(self) -> bool:
        """Whether refunds are stopped."""

        async def work(workspace: Workspace) -> bool:
            return await workspace.desk.ledger.run(lambda books: books.frozen()) is not None

        return self.in_workspace(work)

    @property
    def posts(self) -> int:
        """How many requests that could move money the store saw."""
        return self.store.box.request_count("POST")

    def amounts(self, order_id: str = ORDER) -> list[int]:
        """The refunds that the store has of an order."""
        return [refund.amount_minor for refund in self.store.box.shop.orders[order_id].refunds]

    def store_ids(self, order_id: str = ORDER) -> list[str]:
        """The store's ids of them."""
        return [refund.id for refund in self.store.box.shop.orders[order_id].refunds]


def with_passphrase(home: Path, passphrase: str) -> None:
    """The owner sets an approval passphrase."""
    from order_skills.passphrase import hashed

    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "config.toml"
    config.write_text(f'approval_passphrase = "{hashed(passphrase)}"\n')
    config.chmod(0o600)
