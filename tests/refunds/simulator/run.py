"""One run of the simulator: processes, agents, a person and a store, all by one seeded hand.

    Run(seed, folder).go()

Time is virtual and there is one thread, so that a seed always makes the same run. The desk, the
sending, the settling and the ledger are the real ones. A process is killed by taking all its tasks
away and closing its ledger: nothing of it goes on, but what it had put on the wire does.
"""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio

from order_skills import settings
from order_skills.errors import AgentError
from order_skills.refunds import settling
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Limits, Request, State
from order_skills.refunds.ledger import Ledger
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.stores.base import Store
from tests.refunds.auditor import Auditor
from tests.refunds.simulator.store import Dead, Door, Living, SimulatedStore, Vices
from tests.refunds.stage import START, unsynced
from tests.refunds.virtual import VirtualLoop

T = TypeVar("T")
S = State
PERSON = "command (test)"
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
# The process in whose name a task runs.
_whose: ContextVar["Process | None"] = ContextVar("whose", default=None)


class Process(Living):
    """A desk over the shared ledger, with its agents, until it is killed."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._ledger: SqliteLedger | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.store = cast(Store, Door(run.store, self))
        self.desk = Desk(run.settings, {"shop": self.store}, self._open, call_ledger=self._call)

    def _open(self) -> Ledger:
        self._ledger = self._run.open_ledger()
        return self._ledger

    async def _call(self, work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
        async with limiter:
            await self._run.turn(self)
            done = work()
        await self._run.turn(self)
        return done

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this in the name of the process."""
        token = _whose.set(self)
        try:
            return asyncio.create_task(work)
        finally:
            _whose.reset(token)

    def kill(self) -> None:
        """The end, between two moments."""
        self.alive = False
        for task in self.tasks:
            task.cancel()
        if self._ledger is not None:
            self._ledger.close()

    async def background(self) -> None:
        """What `Desk.start` does, at a slower pace."""
        while True:
            with suppress(AgentError):
                await self.desk.round()
            await asyncio.sleep(10.0)


class Run:
    """See the module. `lines` is what happened, for a run that fails."""

    def __init__(self, seed: int, folder: Path, template: Path) -> None:
        self.seed = seed
        self.hand = random.Random(seed)
        self.lines: list[str] = []
        home = folder / str(seed)
        home.mkdir(mode=0o700)
        self._path = home / "ledger.db"
        shutil.copy(template, self._path)
        self._path.chmod(0o600)
        self.jump = 0.0
        hand = self.hand
        self.orders = ("ord_a", "ord_b")
        self.store = SimulatedStore(hand, self._vices(), self.orders, told=self._tell)
        self.limits = Limits()
        if hand.random() < 0.3:
            self.limits = Limits(
                daily_refund_minor=hand.choice([None, 1_000, 2_000]),
                daily_refund_count=hand.choice([None, 1, 3]),
            )
        self.asks_a_person = hand.random() < 0.4
        self.settings = settings.load(
            {
                "CLAW_API_KEY": "simulated",
                "ORDER_SKILLS_HOME": str(home),
                "ORDER_SKILLS_APPROVAL": "always" if self.asks_a_person else "never",
                **{
                    f"ORDER_SKILLS_{name.upper()}": str(value)
                    for name, value in (
                        ("daily_refund_minor", self.limits.daily_refund_minor),
                        ("daily_refund_count", self.limits.daily_refund_count),
                    )
                    if value is not None
                },
            }
        )
        vices = self.store.vices
        self.auditor = Auditor(
            limits=self.limits,
            repeated=vices.twice > 0,
            # What comes after a no that was believed cannot be known before.
            late=(S.REJECTED,) if vices.doubtful_no_made and vices.stale else (),
        )
        self.processes: list[Process] = []
        self.kills = hand.choice([0, 1, 2, 4])

    def _vices(self) -> Vices:
        hand = self.hand

        def some(most: float) -> float:
            return hand.choice([0.0, 0.0, most / 2, most])

        return Vices(
            unreachable=some(0.1),
            rate_limited=some(0.1),
            refused=some(0.1),
            doubtful_no=some(0.1),
            doubtful_no_made=some(0.1),
            lost=some(0.1),
            lost_made=some(0.2),
            made_later=some(0.1),
            twice=some(0.05),
            other_amount=some(0.05),
            unreadable=some(0.2),
            stale=some(0.4),
            echo=hand.choice(["full", "full", "full", "lower", "cut", "none"]),
        )

    # --- the world ----------------------------------------------------------------------

    def go(self) -> tuple[Intent, ...]:
        """The whole run, and everything that must hold at its end; the intents."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(self._go())

    def open_ledger(self) -> SqliteLedger:
        """The one ledger, as another process has it."""
        return SqliteLedger(self._path, clock=self._now, connect=unsynced)

    def _now(self) -> float:
        return START + asyncio.get_running_loop().time() + self.jump

    def _tell(self, line: str) -> None:
        self.lines.append(f"{asyncio.get_running_loop().time():10.2f} {line}")

    async def turn(self, process: Process) -> None:
        """Others go first, perhaps; and this may be the last moment of a process."""
        process.must_live()
        if self.kills and self.hand.random() < 0.02:
            self.kills -= 1
            victim = self.hand.choice(self.processes)
            self._tell(f"process {self.processes.index(victim)} is killed")
            victim.kill()
            self.processes[self.processes.index(victim)] = self._started()
        for _ in range(self.hand.choice([0, 0, 1, 3])):
            await asyncio.sleep(0)
        if self.hand.random() < 0.06:
            # A machine under load, or one that slept.
            await asyncio.sleep(self.hand.choice([0.5, 5.0, 5.0, 90.0]))
        process.must_live()

    def _started(self) -> Process:
        process = Process(self)
        process.begin(process.background())
        for _ in range(2):
            process.begin(self._agent(process))
        return process

    async def _go(self) -> tuple[Intent, ...]:
        asyncio.get_running_loop().set_task_factory(_owned)
        with closing(self.open_ledger()) as books:
            self.books = books
            self.processes = [self._started(), self._started()]
            others = [asyncio.create_task(self._person()), asyncio.create_task(self._elsewhere())]
            for _ in range(12):
                await asyncio.sleep(self.hand.choice([5.0, 20.0, MINUTE]))
                self.auditor.check(books, self.store.truth())
            for task in others:
                task.cancel()
            await asyncio.wait(others)
            await self._comes_to_rest()
            intents = self.auditor.check(books, self.store.truth())
            self._nothing_is_lost(intents)
            return intents

    async def _comes_to_rest(self) -> None:
        """Everybody is killed once more; one process settles what they left, in a calm world."""
        for process in self.processes:
            process.kill()
        self.kills = 0
        vices = self.store.vices
        self.store.vices = Vices(echo=vices.echo)
        last = Process(self)
        self.processes = [last]
        for pause in (2.0, MINUTE, 2 * MINUTE, 20 * MINUTE, HOUR, 30 * DAY, HOUR, HOUR):
            await asyncio.sleep(pause)
            await last.begin(last.desk.round())
            self.auditor.check(self.books, self.store.truth())
        # As `reconcile` does: whatever is in doubt, however long ago it was.
        await last.begin(self._reads_all(last))
        await last.desk.aclose()

    async def _reads_all(self, process: Process) -> None:
        desk, stores = process.desk, {process.store.account: process.store}
        await settling.settle_due(desk.ledger, stores, desk.schedule, all_of_them=True)

    def _nothing_is_lost(self, intents: tuple[Intent, ...]) -> None:
        truth = self.store.truth()
        for intent in intents:
            assert intent.state not in (S.SENDING, S.UNKNOWN), f"{intent} is left"
            if not truth.marked(intent):
                continue
            if self.store.vices.echo in ("full", "lower"):
                believed = intent.state is S.REJECTED and S.REJECTED in self.auditor.late
                assert intent.state is S.SUCCEEDED or believed, f"{intent} was made"
            else:
                assert intent.state in (S.SUCCEEDED, S.NEEDS_HUMAN, S.REJECTED), intent
            if len(truth.marked(intent)) > 1 and self.store.vices.echo == "full":
                assert intent.alarm is not None, f"{intent} was made twice, and nobody said so"

    # --- who acts in it -----------------------------------------------------------------

    async def _agent(self, process: Process) -> None:
        """Asks for refunds, repeats itself, and rewords."""
        hand = self.hand
        if hand.random() < 0.5:
            # Several ask for the same at once, each in its own words.
            await self._asks(process, Request("ord_a", hand.choice(["broken", "late"]), 500))
        for _ in range(hand.randrange(2, 6)):
            await asyncio.sleep(hand.choice([0.0, 0.5, 5.0, 40.0]))
            wanted = Request(
                hand.choice(self.orders),
                hand.choice(["broken", "late", "both"]),
                hand.choice([500, 500, 900, None]),
            )
            await self._asks(process, wanted)

    async def _asks(self, process: Process, wanted: Request) -> None:
        before = len(self.store.posted)
        refused, handled = None, None
        try:
            handled = await process.desk.refund(process.store, wanted)
        except AgentError as error:
            refused = error
        if handled is None:
            self._tell(f"{wanted.amount_minor} of {wanted.order_id}: {refused}")
            # What may have been made is never an error: it would be repeated.
            mine = [p for p in self.store.posted[before:] if p.who is process and p.may_be_made]
            markers = {i.marker for i in self.books.list() if i.request == wanted}
            sent = [p for p in mine if p.reason.split()[-1] in markers]
            assert not sent, f"{refused} for what was sent: {sent}"
            return
        intent = handled.intent
        self._tell(f"{wanted.amount_minor} of {wanted.order_id}: {intent.outcome}")
        if self.hand.random() < 0.5:
            with suppress(AgentError):
                found = await process.desk.get(intent.refund_id)
                assert found.intent.refund_id == intent.refund_id

    async def _person(self) -> None:
        """Approves, denies, freezes for a while, and sets the clock."""
        hand = self.hand
        while True:
            await asyncio.sleep(hand.choice([1.0, 10.0, MINUTE]))
            for intent in self.books.list(states=[S.PREPARED]):
                process = hand.choice(self.processes)
                if hand.random() < 0.2:
                    process.begin(_quietly(process.desk.deny, intent))
                elif hand.random() < 0.5:
                    self.books.approve(intent.refund_id, PERSON)
                else:
                    process.begin(_quietly(process.desk.approve, intent))
            if hand.random() < 0.1:
                self.books.freeze(PERSON)
                await asyncio.sleep(hand.choice([1.0, 30.0]))
                self.books.unfreeze(PERSON)
            if hand.random() < 0.05 and self.limits == Limits():
                self.jump += hand.choice([-DAY, DAY, -HOUR, 5 * MINUTE])

    async def _elsewhere(self) -> None:
        """Somebody refunds the same amounts in the dashboard."""
        while True:
            await asyncio.sleep(self.hand.choice([10.0, 2 * MINUTE, HOUR]))
            if self.hand.random() < 0.5:
                amount = self.hand.choice([500, 900, 100])
                self.store.make(self.hand.choice(self.orders), amount, "by hand")


async def _quietly(does: Callable[[str, str], Awaitable[object]], intent: Intent) -> None:
    with suppress(AgentError):
        await does(intent.refund_id, PERSON)


def _owned(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **words: Any
) -> asyncio.Task[Any]:
    """Makes a task, and puts it down to the process in whose name it runs."""
    task = asyncio.Task(work, loop=loop, **words)
    process = _whose.get()
    if process is not None:
        process.tasks.add(task)
        task.add_done_callback(process.tasks.discard)
        task.add_done_callback(_seen)
    return task


def _seen(task: asyncio.Task[Any]) -> None:
    """The dead leave no complaint; anything else that went wrong does."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, AgentError | Dead):
        task.get_loop().call_exception_handler({"message": "a task failed", "exception": error})
