"""`order-skills init --passphrase` with a person at a real terminal."""

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import Run, environment
from refund_scene import Person

from order_skills.cli import main
from order_skills.commands.config_file import CannotEdit
from order_skills.commands.passphrase import with_passphrase
from order_skills.passphrase import matches
from order_skills.settings import load

terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

PRESENT = "Present passphrase (not shown while you type): "
NEW = "New passphrase (not shown while you type): "
NEW_OR_NONE = "New passphrase (not shown while you type; Enter alone removes it): "
AGAIN = "The same once more: "
HASH = "scrypt$32768$8$1$" + "A" * 24 + "$" + "B" * 43 + "="


def at_terminal(home: Path, *arguments: str) -> Person:
    """A terminal in which `init --passphrase` runs."""
    return Person(environment(home), "init", "--passphrase", *arguments)


def answered(home: Path, *answers: tuple[str, str]) -> tuple[int, str]:
    """The exit code, and all that was shown, when these questions are answered so."""
    with at_terminal(home) as person:
        for question, answer in answers:
            person.answer(question, answer)
        code, out, shown = person.end()
    return code, out + shown


def kept(home: Path) -> str | None:
    """The hash that the settings hold."""
    return load({"ORDER_SKILLS_HOME": str(home)}).approval_passphrase


@terminals
def test_it_is_set_changed_and_removed_and_only_its_hash_is_kept(home: Path) -> None:
    code, shown = answered(home, (NEW, "correct horse"), (AGAIN, "correct horse"))
    assert code == 0
    assert "The passphrase is set" in shown
    first = kept(home)
    assert first is not None
    assert matches("correct horse", first)
    config = home / "config.toml"
    assert "horse" not in config.read_text() + shown
    assert stat.S_IMODE(config.stat().st_mode) == 0o600

    code, _ = answered(
        home, (PRESENT, "correct horse"), (NEW_OR_NONE, "grüne Batterie"), (AGAIN, "grüne Batterie")
    )
    assert code == 0
    second = kept(home)
    assert second is not None
    assert matches("grüne Batterie", second)

    code, shown = answered(home, (PRESENT, "grüne Batterie"), (NEW_OR_NONE, ""), (AGAIN, ""))
    assert code == 0
    assert "The passphrase is removed" in shown
    assert kept(home) is None


@terminals
@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([(NEW, "")], "no passphrase was given"),
        ([(NEW, "seven77")], "at least 8 characters"),
        ([(NEW, "correct horse"), (AGAIN, "Correct horse")], "not the same"),
    ],
    ids=["nothing", "short", "differs"],
)
def test_nothing_is_written_when_it_is_not_given_twice_and_long_enough(
    home: Path, answers: list[tuple[str, str]], says: str
) -> None:
    code, shown = answered(home, *answers)
    assert code == 1
    assert says in shown
    assert "nothing was changed" in shown
    assert not home.exists()


@terminals
def test_who_does_not_know_the_present_one_changes_nothing(home: Path) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text(f'approval_passphrase = "{HASH}"\n')
    config.chmod(0o600)
    before = config.read_bytes()
    code, shown = answered(home, (PRESENT, "correct horse"))
    assert code == 1
    assert "that is not the passphrase; nothing was changed" in shown
    assert config.read_bytes() == before


@terminals
def test_an_input_that_ends_removes_nothing(home: Path) -> None:
    answered(home, (NEW, "correct horse"), (AGAIN, "correct horse"))
    before = kept(home)
    with at_terminal(home) as person:
        person.answer(PRESENT, "correct horse")
        person.leave(NEW_OR_NONE)
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was changed" in shown
    assert kept(home) == before


def test_without_a_terminal_it_is_refused(home: Path, run: Run) -> None:
    done = run("init", "--passphrase")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("order-skills: init --passphrase: is answered by a person")
    assert not home.exists()


def test_a_key_and_a_passphrase_are_not_set_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--passphrase", "--replace"]) == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        'log = "info"',
        'log = "info"\n\n\n[stores.clawver]\nplatform = "clawver"\n',
        '[stores.clawver]\nplatform = "clawver"\n',
        f'approval_passphrase = "{HASH}"\nlog = "info"\n\n[stores.clawver]\nplatform = "x"\n',
        f"  approval_passphrase='{HASH}' # set on Monday\n",
        'approval_doors = [\n  "command",\n]\n\n[stores.clawver]\nplatform = "clawver"\n',
    ],
    ids=range(8),
)
def test_every_other_setting_and_comment_stays_as_it_is(text: str) -> None:
    other = HASH.replace("AAA", "CCC")
    with_it = with_passphrase(text, other)
    without = with_passphrase(with_it, None)
    said = tomllib.loads(text)
    said.pop("approval_passphrase", None)
    assert tomllib.loads(with_it) == {**said, "approval_passphrase": other}
    assert tomllib.loads(without) == said
    for line in text.splitlines():
        if "approval_passphrase" not in line:
            assert line in with_it.splitlines()
            assert line in without.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        f'"approval_passphrase" = "{HASH}"\n',
        'approval_doors = [\n  "command",\n  [\n]]\n',
        f'note = """\napproval_passphrase = "{HASH}"\n"""\n',
    ],
    ids=["quoted", "nested", "inside-a-text"],
)
def test_a_file_whose_lines_cannot_be_told_apart_is_not_changed(text: str) -> None:
    with pytest.raises(CannotEdit):
        with_passphrase(text, HASH.replace("AAA", "CCC"))
