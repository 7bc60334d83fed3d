"""Which tests are to find the mutants of which module."""

from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The arguments of one run of pytest.
Tests = tuple[str, ...]


def _of_ledger(*names: str) -> Tests:
    return tuple(f"tests/ledger/test_{name}.py" for name in names)


def _of_refunds(*names: str) -> Tests:
    return tuple(f"tests/refunds/test_{name}.py" for name in names)


_POSTGRES = ("-k", "postgres")
_NOT_POSTGRES = ("-k", "not postgres")

_CONTRACT = _of_ledger("moves", "claims", "requests", "reading", "limits")
_FILE = _of_ledger(
    "sqlite_file",
    "sqlite_trust",
    "sqlite_harm",
    "sqlite_faults",
    "sqlite_kills",
    "migrations",
    "two_versions",
)
# It takes as long as all others together.
_MACHINE = _of_ledger("machine")


def _rest(*named: str) -> Tests:
    found = (file.relative_to(ROOT).as_posix() for file in ROOT.glob("tests/ledger/test_*.py"))
    return tuple(file for file in sorted(found) if file not in {*named, *_MACHINE})


_ON_SQLITE = (*_CONTRACT, *_NOT_POSTGRES)
_IN_A_FILE = (*_FILE, *_NOT_POSTGRES)
_ELSE_ON_SQLITE = (*_rest(*_CONTRACT, *_FILE), *_NOT_POSTGRES)
# What only several connections at once need.
_WAITS = _of_ledger("postgres_waits", "postgres_commits")
_ON_POSTGRES = (*_CONTRACT, *_of_ledger("races"), *_POSTGRES)
_FAULTS = _of_ledger("postgres_faults")
_ELSE_ON_POSTGRES = (
    *_rest(*_CONTRACT, *_of_ledger("races"), *_WAITS, *_FAULTS),
    *_POSTGRES,
)

_STATES = ("tests/test_intents.py", *_of_refunds("states"))
_PURE = _of_refunds(
    "rules", "rules_of_platforms", "amounts", "waiting_requests", "evidence", "cancellations"
)
_IN_THE_DESK = _of_refunds("settling", "desk", "sending")
_THROUGH_THE_DOOR = tuple(
    f"tests/tools/test_{name}.py"
    for name in ("line_refunds", "cancel_order", "refund_amounts", "refund_repeats")
)

_OF_BOTH = (_ON_SQLITE, _WAITS, _IN_A_FILE, _ELSE_ON_SQLITE, _MACHINE, _ON_POSTGRES)
_OF_SQLITE = (_IN_A_FILE, _ON_SQLITE, _ELSE_ON_SQLITE, _MACHINE)
_OF_POSTGRES = (_ON_POSTGRES, _WAITS, _FAULTS, _ELSE_ON_POSTGRES)
_OF_RULES = (_PURE, _IN_THE_DESK, _THROUGH_THE_DOOR)
# One run after the other, those that find most, or soonest, first.
TESTS: Mapping[str, Sequence[Tests]] = {
    "rules": _OF_RULES,
    "person": _OF_RULES,
    "whole_lines": _OF_RULES,
    "cancellation": _OF_RULES,
    "amounts": _OF_RULES,
    "evidence": _OF_RULES,
    "intents": (_STATES, *_OF_RULES),
    "ledger_sql": _OF_BOTH,
    "ledger_steps": _OF_BOTH,
    "ledger_queries": _OF_BOTH,
    "ledger_rows": _OF_BOTH,
    "ledger_file": _OF_SQLITE,
    "sqlite": _OF_SQLITE,
    "owner_locks": _OF_SQLITE,
    "postgres": _OF_POSTGRES,
    "postgres_connection": (_FAULTS, _WAITS, _ON_POSTGRES, _ELSE_ON_POSTGRES),
}
