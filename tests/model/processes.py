"""What our software does in the world of the model: the desk's calls, and the sweep beside them."""

from collections.abc import Iterator

from .world import (
    ACTIVE,
    COUNTED,
    STARTS_ANEW,
    VERDICTS,
    Packet,
    Policy,
    Row,
    Step,
    Worker,
    World,
    claimed,
    live,
    moved,
    shows,
    told,
    with_row,
    with_worker,
)

# A bad policy sends twice in its shortest breach; more sends show nothing new.
_SENDS_AT_MOST = 2


def working(world: World, number: int, policy: Policy) -> Iterator[Step]:
    """The next step of a worker's call, or its crash."""
    worker = world.workers[number]
    name = f"worker {number}"
    if worker.at == "idle":
        if worker.calls:
            yield from _called(world, number, name)
        yield from _resending(world, number, policy, name)
        return
    if world.crashes:
        reborn = Worker(worker.wish, worker.life + len(world.workers), worker.calls)
        # Answers to the dead reach nobody; what was sent is still on its way.
        wire = frozenset(p for p in world.wire if not (p.answer and p.life == worker.life))
        dead = with_worker(world._replace(wire=wire), number, reborn)
        yield f"{name} is killed at {worker.at}", dead._replace(crashes=world.crashes - 1)
    doing = {
        "prepare": _preparing,
        "claim": _claiming,
        "check": _checking,
        "send": _sending,
        "wait": _waiting,
        "record": _recording,
    }
    yield from doing[worker.at](world, number, policy, name)


def _idle(world: World, number: int) -> World:
    worker = world.workers[number]
    return with_worker(world, number, Worker(worker.wish, worker.life, worker.calls))


def _called(world: World, number: int, name: str) -> Iterator[Step]:
    """An agent asks: an earlier intent answers, or the order is read and a decision is made."""
    worker = world.workers[number]
    calling = worker._replace(calls=worker.calls - 1)
    called = with_worker(world, number, calling)
    found = live(world, worker.wish)
    if found is not None and world.rows[found].state not in STARTS_ANEW | {"PREPARED"}:
        yield f"{name} answers as it stands", with_row(called, found, told(world.rows[found]))
        return
    # A refund of this amount that was made, may have been, or was given up by a person: refused,
    # or only with a person's consent, which is not modelled.
    blocking = COUNTED | {"NOT_APPLIED"}
    if any(row.wish != worker.wish and row.state in blocking for row in world.rows):
        yield f"{name} refuses a possible duplicate", called
        return
    baseline = frozenset(n for n, refund in enumerate(world.store) if refund.shown)
    decided = calling._replace(at="prepare", history=claimed(world), baseline=baseline)
    yield f"{name} reads the order and decides to refund", with_worker(world, number, decided)


def _preparing(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    worker = world.workers[number]
    found = live(world, worker.wish)
    if found is not None and world.rows[found].state not in STARTS_ANEW | {"PREPARED"}:
        told_it = with_row(world, found, told(world.rows[found]))
        yield f"{name} finds it under way", _idle(told_it, number)
        return
    if found is None or world.rows[found].state in STARTS_ANEW:
        if found is not None:
            world = with_row(world, found, world.rows[found]._replace(superseded=True))
        world = world._replace(rows=(*world.rows, Row(worker.wish)))
        found = len(world.rows) - 1
    ready = worker._replace(at="claim", row=found)
    yield f"{name} writes down intent {found}", with_worker(world, number, ready)


def _claiming(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    worker = world.workers[number]
    row = world.rows[worker.row]
    busy = any(r.state in ACTIVE for r in world.rows) and not policy.forgets_order
    stale = claimed(world) != worker.history and not policy.stale_decision
    sending = moved(row, "SENDING", policy)
    if policy.claims_later and sending is not None:
        early = worker._replace(at="send", epoch=row.epoch + 1, history=frozenset())
        yield f"{name} sends before it has claimed", with_worker(world, number, early)
    if sending is None or busy or stale:
        yield f"{name} may not claim intent {worker.row}", _idle(world, number)
        return
    sending = sending._replace(epoch=row.epoch + 1, owner=worker.life, baseline=worker.baseline)
    checks = worker._replace(at="check", epoch=sending.epoch, history=frozenset())
    after = with_worker(with_row(world, worker.row, sending), number, checks)
    yield f"{name} claims intent {worker.row}", after


def _checking(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    """`still_ours`, just before the first byte; and the stopwatch beside it."""
    worker = world.workers[number]
    row = world.rows[worker.row]
    if row.state == "SENDING" and row.epoch == worker.epoch:
        yield f"{name} may still send", with_worker(world, number, worker._replace(at="send"))
    gives_up = worker._replace(at="record", verdict="unsent")
    yield f"{name} was stopped for too long", with_worker(world, number, gives_up)


def _sending(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    worker = world.workers[number]
    row = world.rows[worker.row]
    packet = Packet(worker.row, worker.epoch, worker.life)
    if packet not in world.wire and row.sends < _SENDS_AT_MOST:
        sent = with_row(world, worker.row, row._replace(sends=row.sends + 1))
        sent = sent._replace(wire=world.wire | {packet})
        yield f"{name} sends", with_worker(sent, number, worker._replace(at="wait"))
    if row.sends == 0:
        unsent = worker._replace(at="record", verdict="unsent")
        yield f"{name} finds no connection", with_worker(world, number, unsent)


def _waiting(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    worker = world.workers[number]
    wire = frozenset(p for p in world.wire if not (p.answer and p.life == worker.life))
    lost = world._replace(wire=wire)
    again = "send" if policy.blind_retry else "record"
    impatient = worker._replace(at=again, verdict="none")
    yield f"{name} gets no answer", with_worker(lost, number, impatient)


def _recording(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    worker = world.workers[number]
    row = world.rows[worker.row]
    verdict = VERDICTS.get(worker.verdict, "UNKNOWN")
    if worker.verdict == "500" and policy.server_error_failed:
        verdict = "REJECTED"
    after = moved(row, verdict, policy) if row.epoch == worker.epoch else None
    if after is not None:
        if verdict == "SUCCEEDED":
            # The answer names the refund that it made.
            own = next(n for n, refund in enumerate(world.store) if refund.of == worker.row)
            after = after._replace(evidence=own)
        after = after._replace(said_no=worker.verdict == "422")
    recorded = with_row(world, worker.row, told(after or row))
    label = f"{name} records {verdict}" if after else f"{name} comes too late to record {verdict}"
    yield label, _idle(recorded, number)


def _resending(world: World, number: int, policy: Policy, name: str) -> Iterator[Step]:
    """What bad policies do with an intent that has no end; the safe one never does."""
    worker = world.workers[number]
    lives = {w.life for w in world.workers}
    for n, row in enumerate(world.rows):
        replays = policy.step_replay and row.state == "SENDING" and row.owner not in lives
        absent = policy.resend_if_absent and row.state == "UNKNOWN" and shows(world, n) is None
        if (replays or absent) and row.sends:
            again = worker._replace(at="send", row=n, epoch=row.epoch)
            yield f"{name} sends intent {n} again", with_worker(world, number, again)


def sweeping(world: World, policy: Policy) -> Iterator[Step]:
    """Recovery, settling, expiry and the operator: by whichever process is alive, at any time."""
    for number, row in enumerate(world.rows):
        for label, state in _conclusions(world, number, row, policy):
            after = moved(row, state, policy)
            if after is not None:
                if state == "SUCCEEDED":
                    after = after._replace(evidence=_evidence(world, number, row, policy))
                yield f"intent {number}: {label}", with_row(world, number, after)


def _conclusions(world: World, number: int, row: Row, policy: Policy) -> Iterator[tuple[str, str]]:
    if row.state == "PREPARED":
        yield "its time runs out", "EXPIRED"
        yield "a person says no", "DENIED"
    if row.state == "SENDING":
        # Its owner is dead, or is called so, or its deadline has passed: any of them, any time.
        yield "taken over", "NOT_SENT" if policy.expire_sending else "UNKNOWN"
    elif row.epoch and _evidence(world, number, row, policy) is not None:
        yield "found by reading back", "SUCCEEDED"
    elif row.state == "UNKNOWN" and row.said_no:
        yield "absent twice after a no", "REJECTED"
    elif row.state == "UNKNOWN":
        yield "still absent after the quiet period", "NEEDS_HUMAN"
    elif row.state == "NEEDS_HUMAN":
        yield "a person does not see it in the store", "NOT_APPLIED"


def _evidence(world: World, number: int, row: Row, policy: Policy) -> int | None:
    found = shows(world, number)
    if found is None and policy.match_by_amount:
        new = (n for n, r in enumerate(world.store) if r.shown and n not in row.baseline)
        found = next(new, None)
    return found
