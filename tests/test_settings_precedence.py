"""What holds when the environment and the file disagree."""

from collections.abc import Callable
from pathlib import Path

import pytest

from order_skills.settings import Approval, Limits, Settings, load

Load = Callable[..., Settings]


@pytest.fixture
def given(tmp_path: Path) -> Load:
    """Loads settings of a private home, from `file` if one is given, and the variables."""

    def load_given(file: str = "", *, sandbox: bool = False, **variables: str) -> Settings:
        if file:
            config = tmp_path / "config.toml"
            config.write_text(file, encoding="utf-8")
            config.chmod(0o600)
        return load({"ORDER_SKILLS_HOME": str(tmp_path), **variables}, sandbox=sandbox)

    return load_given


# Strictest first; each pair is tried both ways round.
APPROVALS = ["always", "above:0", "above:1", "above:2500", "never"]


@pytest.mark.parametrize("file", APPROVALS)
@pytest.mark.parametrize("variable", APPROVALS)
def test_the_stricter_approval_of_environment_and_file_holds(
    given: Load, file: str, variable: str
) -> None:
    alone = {word: given(ORDER_SKILLS_APPROVAL=word).approval for word in APPROVALS}
    strictest = min(file, variable, key=APPROVALS.index)
    settings = given(f'approval = "{file}"', ORDER_SKILLS_APPROVAL=variable)
    assert settings.approval == alone[strictest]


@pytest.mark.parametrize(
    ("file", "variable", "holds"),
    [
        ("read_only = true", {"READ_ONLY": "0"}, {"read_only": True}),
        ("read_only = false", {"READ_ONLY": "1"}, {"read_only": True}),
        ("read_only = false", {"READ_ONLY": "0"}, {"read_only": False}),
        (
            'approval_doors = ["command"]',
            {"APPROVAL_DOORS": "host,command"},
            {"approval_doors": frozenset({"command"})},
        ),
        (
            'approval_doors = "host,command"',
            {"APPROVAL_DOORS": "command"},
            {"approval_doors": frozenset({"command"})},
        ),
        ("approval_hours = 2", {"APPROVAL_HOURS": "48"}, {"approval_hours": 2.0}),
        ("approval_hours = 48.5", {"APPROVAL_HOURS": "2"}, {"approval_hours": 2.0}),
        ('approval_by = "another"', {"APPROVAL_BY": "anyone"}, {"approval_by": "another"}),
        ('approval_by = "anyone"', {"APPROVAL_BY": "another"}, {"approval_by": "another"}),
        ('approval_by = "anyone"', {"APPROVAL_BY": "anyone"}, {"approval_by": "anyone"}),
        ('approval_by = "another"', {}, {"approval_by": "another"}),
        (
            "max_refund_minor = 100\ndaily_refund_minor = 300",
            {"MAX_REFUND_MINOR": "200", "DAILY_REFUND_MINOR": "200", "DAILY_REFUND_COUNT": "2"},
            {"limits": Limits(100, 200, 2)},
        ),
        ("max_refund_minor = 0", {"MAX_REFUND_MINOR": "5"}, {"limits": Limits(0, None, None)}),
        ("max_refund_minor = 5", {"MAX_REFUND_MINOR": "0"}, {"limits": Limits(0, None, None)}),
    ],
)
def test_the_stricter_of_environment_and_file_holds(
    given: Load, file: str, variable: dict[str, str], holds: dict[str, object]
) -> None:
    settings = given(file, **{f"ORDER_SKILLS_{name}": v for name, v in variable.items()})
    assert {name: getattr(settings, name) for name in holds} == holds


def test_for_all_else_the_environment_wins_over_the_file(given: Load, tmp_path: Path) -> None:
    file = 'personal_data = "masked"\nlog = "debug"\nrequests_per_minute = 10\nledger = "/a/b.db"'
    settings = given(
        file,
        ORDER_SKILLS_PERSONAL_DATA="shown",
        ORDER_SKILLS_LOG="info",
        ORDER_SKILLS_REQUESTS_PER_MINUTE="100",
        ORDER_SKILLS_LEDGER=str(tmp_path / "l.db"),
    )
    assert settings.personal_data == "shown"
    assert settings.log == "info"
    assert settings.requests_per_minute == 100
    assert settings.ledger == tmp_path / "l.db"


def test_what_the_environment_does_not_say_comes_from_the_file(given: Load, tmp_path: Path) -> None:
    settings = given('approval = "never"\npersonal_data = "shown"\nlog = "info"\ntrust_env = true')
    assert settings.approval == Approval("never")
    assert settings.personal_data == "shown"
    assert settings.log == "info"
    assert settings.trust_env is True
    assert settings.config == tmp_path / "config.toml"
