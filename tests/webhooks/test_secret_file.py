"""The file of secrets: nobody else reads it, and no change of it is lost or half made."""

import json
import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest

from order_skills.errors import Refusal
from order_skills.settings_values import Secret
from order_skills.webhooks.secret_file import MAX_KEPT, Kept, SecretFile, Secrets, new_secret

NAME = "webhook-secrets-clawver.json"


def revealed(file: SecretFile) -> list[str]:
    return [entry.secret.reveal() for entry in file.read()]


def add_some(home: str, count: int) -> None:
    """What each of several processes does."""
    file = SecretFile(Path(home), "clawver", patience=60)
    for _ in range(count):
        file.add(new_secret())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret().reveal() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(secret) >= 32 and secret.startswith("whsec_") for secret in made)


def test_what_is_kept_is_there_for_the_next_process_and_for_nobody_else(home: Path) -> None:
    SecretFile(home, "clawver").add(Secret("a" * 16), "https://x.example/")
    SecretFile(home, "other").add(Secret("b" * 16))
    assert revealed(SecretFile(home, "clawver")) == ["a" * 16]
    assert SecretFile(home, "clawver").read()[0].url == "https://x.example/"
    if sys.platform != "win32":
        assert stat.S_IMODE((home / NAME).stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert sorted(path.name for path in home.iterdir()) == [NAME, "webhook-secrets-other.json"]


def test_processes_that_change_it_at_once_lose_nothing(home: Path) -> None:
    each, processes = 5, 4
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_some, args=(str(home), each)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * processes
    assert len(set(revealed(SecretFile(home, "clawver")))) == each * processes


def test_a_change_that_another_process_left_half_done_is_said_and_what_was_there_counts(
    home: Path,
) -> None:
    file = SecretFile(home, "clawver", patience=0)
    file.add(Secret("a" * 16))
    (home / f"{NAME}.new").write_text("{")
    with pytest.raises(Refusal, match=f"if there is none, remove {NAME}.new"):
        file.add(Secret("b" * 16))
    assert revealed(file) == ["a" * 16]
    (home / f"{NAME}.new").unlink()
    file.add(Secret("b" * 16))
    assert revealed(file) == ["a" * 16, "b" * 16]


def test_more_than_can_be_in_use_are_refused(home: Path) -> None:
    file = SecretFile(home, "clawver")
    for _ in range(MAX_KEPT):
        file.add(new_secret())
    with pytest.raises(Refusal, match=f"holds {MAX_KEPT} secrets"):
        file.add(new_secret())
    assert len(file.read()) == MAX_KEPT
    assert not (home / f"{NAME}.new").exists()


HARM = {
    "nothing in it": "",
    "no JSON": "{",
    "a list": "[]",
    "no list": '{"secrets": {}}',
    "no secret": '{"secrets": [{"made_at": "x"}]}',
    "a short one": '{"secrets": [{"secret": "short", "made_at": "x"}]}',
    "text": '{"secrets": ["x"]}',
    "twice": '{"secrets": [], "secrets": []}',
    "too much": '{"secrets": []}' + " " * 70_000,
}


@pytest.mark.parametrize("held", HARM.values(), ids=HARM)
def test_a_file_that_is_harmed_is_refused_by_its_name_and_not_overwritten(
    home: Path, held: str
) -> None:
    home.mkdir(mode=0o700)
    path = home / NAME
    path.write_text(held)
    path.chmod(0o600)
    file = SecretFile(home, "clawver")
    for act in (file.read, lambda: file.add(new_secret()), lambda: file.drop(lambda _: True)):
        with pytest.raises(Refusal, match=NAME) as refused:
            act()
        assert str(home) not in str(refused.value)
    assert path.read_text() == held


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_a_file_that_others_can_use_is_refused_with_the_mend(home: Path, mode: int) -> None:
    file = SecretFile(home, "clawver")
    file.add(new_secret())
    seen = Secrets((), file)
    assert len(seen()) == 1
    (home / NAME).chmod(mode)
    with pytest.raises(Refusal):
        seen()
    with pytest.raises(Refusal, match=f"chmod 600 '{NAME}'"):
        file.read()
    (home / NAME).chmod(0o600)
    assert len(file.read()) == 1


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that is not ours to write"
)
def test_a_folder_that_cannot_be_written_is_said(home: Path) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(Refusal, match="cannot be written"):
        SecretFile(home, "clawver").add(new_secret())


def test_what_counts_follows_the_file_without_being_told(home: Path) -> None:
    file = SecretFile(home, "clawver")
    secrets = Secrets((Secret("configured-secret"),), file)
    assert secrets() == ("configured-secret",)
    file.add(Secret("a" * 16))
    assert secrets() == ("a" * 16, "configured-secret")
    file.add(Secret("b" * 16))
    assert secrets() == ("b" * 16, "a" * 16, "configured-secret")
    file.drop(lambda entry: entry.secret == Secret("a" * 16))
    assert secrets() == ("b" * 16, "configured-secret")
    (home / NAME).unlink()
    assert secrets() == ("configured-secret",)


class ChangedMeanwhile(SecretFile):
    """A file to which another process adds a secret just when it has been read."""

    def read(self) -> tuple[Kept, ...]:
        found = super().read()
        if len(found) == 1:
            SecretFile(self._home, "clawver").add(Secret("b" * 16))
        return found


def test_a_change_during_the_reading_is_seen_the_next_time(home: Path) -> None:
    SecretFile(home, "clawver").add(Secret("a" * 16))
    secrets = Secrets((), ChangedMeanwhile(home, "clawver"))
    assert secrets() == ("a" * 16,)
    assert secrets() == ("b" * 16, "a" * 16)


def test_a_secret_shows_itself_in_the_file_alone(home: Path) -> None:
    secret = new_secret()
    file = SecretFile(home, "clawver")
    file.add(secret)
    assert secret.reveal() not in repr(file.read())
    assert json.loads((home / NAME).read_text())["secrets"][0]["secret"] == secret.reveal()
