"""What is kept is used whole or not at all: damaged, exchanged, outdated or open to others."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from opening import (
    KEY,
    MODERN,
    READY,
    Gate,
    Message,
    answers_to,
    ended,
    first_lines,
    initialize,
    kept_file,
    opened,
    request,
    started_once,
    until,
)

from order_skills.quick_start.inputs import KEYS, digest_of, secret_of
from order_skills.quick_start.kept import MAX_BYTES, MAX_FILES, MAX_LINES, Kept
from order_skills.settings_platforms import PLATFORMS
from support import SOURCE, environment, serve

CHANGED = b"Order tools for an online store"
LINES: list[Message] = [initialize(), READY, request(1, "tools/list")]


def changed(held: bytes, words: bytes = CHANGED) -> bytes:
    """The file, or an answer, with something in it that no server says."""
    assert held.count(words) == 1
    return held.replace(words, words.upper())


def forged(file: Path, key: Mapping[str, str], words: bytes = CHANGED) -> None:
    """The same, sealed as a server with this key would have sealed it."""
    home, inputs = str(file.parents[1]), bytes.fromhex(file.stem)
    true = Kept(home, inputs, secret_of(KEY)).read()
    false = {
        line: (opens, changed(answer, words) if words in answer else answer)
        for line, (opens, answer) in true.items()
    }
    assert false != true
    file.unlink()
    Kept(home, inputs, secret_of(key)).write(false, [])


# What became of the file.
HARM: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: file.write_bytes(changed(file.read_bytes())[:-40]),
    "cut in its seal": lambda file: file.write_bytes(file.read_bytes()[:40]),
    "empty": lambda file: file.write_bytes(b""),
    "no text": lambda file: file.write_bytes(os.urandom(5_000)),
    "tampered with": lambda file: file.write_bytes(changed(file.read_bytes())),
    "sealed without the key": lambda file: forged(file, {}),
    "sealed with another key": lambda file: forged(file, {"CLAW_API_KEY": "claw_sk_other"}),
    "of a later form": lambda file: file.write_bytes(
        changed(file.read_bytes()).replace(b"answers 1", b"answers 2")
    ),
    "far too large": lambda file: file.write_bytes(file.read_bytes() + bytes(MAX_BYTES)),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_harmed_file_is_not_used(home: Path, harm: Callable[[Path], object]) -> None:
    kept = Kept(str(home), b"i" * 16, secret_of(KEY))
    kept.write({b"k" * 16: (True, b"," + CHANGED + b"}")}, [])
    assert kept.read()
    harm(kept_file(home))
    assert kept.read() == {}


async def test_where_the_file_was_harmed_the_server_answers_and_keeps_it_anew(home: Path) -> None:
    said = await started_once(home, LINES)
    for what in ("cut", "tampered with", "a folder"):
        # The start before has written it anew.
        HARM[what](kept_file(home))
        assert (what, await started_once(home, LINES)) == (what, said)


IN_THE_LIST = b'"title":"List orders"'


@pytest.mark.parametrize("words", [CHANGED, IN_THE_LIST], ids=["the opening", "a list"])
@pytest.mark.parametrize("lines", [LINES, first_lines(MODERN)], ids=["older", "newer"])
async def test_an_outdated_answer_is_given_once_and_told(
    home: Path, gate: Gate, lines: list[Message], words: bytes
) -> None:
    """Such as after a change inside the installed SDK, which nothing here depends on by name."""
    said = await started_once(home, lines)
    forged(kept_file(home), KEY, words)
    async with opened(home, gate=gate) as wire:
        outdated = [changed(line, words) if words in line else line for line in said]
        assert await answers_to(wire, lines) == outdated
        gate.open()
        # It takes over, and compares, without another line of the host.
        until(lambda: not any((home / "quick-start").iterdir()))
        code, rest, log = await wire.end()
    assert (code, rest) == (0, b"")
    assert [json.loads(line)["level"] for line in log.splitlines()] == ["warning"]
    assert not any((home / "quick-start").iterdir())


async def test_without_a_folder_to_keep_them_in_it_works_as_ever(
    home: Path, tmp_path: Path
) -> None:
    said = await started_once(home, LINES)
    (no_room := tmp_path / "no room").mkdir(0o700)
    (no_room / "quick-start").write_bytes(b"")
    (read_only := tmp_path / "read-only").mkdir(0o500)
    homes = [no_room, read_only]
    if sys.platform == "linux":
        # Nobody can make a folder there, not even root.
        homes.append(Path("/proc/order-skills"))
    for folder in homes:
        assert await started_once(folder, LINES) == said


async def test_two_first_starts_at_once_keep_what_both_can_use(home: Path, gate: Gate) -> None:
    async with opened(home) as one, opened(home) as other:
        said = await answers_to(one, LINES)
        assert await answers_to(other, LINES) == said
        await asyncio.gather(ended(one), ended(other))
    async with opened(home, gate=gate) as wire:
        assert await answers_to(wire, LINES) == said
        await ended(wire)


async def test_other_settings_and_other_code_have_answers_of_their_own(
    home: Path, tmp_path: Path, gate: Gate
) -> None:
    said = await started_once(home, LINES)
    assert b'"name":"refund_order"' in said[1]
    file = kept_file(home)
    # Its answers under the name of another start's are still not that start's.
    async with opened(home, ORDER_SKILLS_READ_ONLY="1") as wire:
        reading = await answers_to(wire, LINES)
        await ended(wire)
    (other,) = set(file.parent.iterdir()) - {file}
    other.write_bytes(file.read_bytes())
    async with opened(home, ORDER_SKILLS_READ_ONLY="1") as wire:
        assert await answers_to(wire, LINES) == reading
        await ended(wire)
    assert b'"name":"refund_order"' not in reading[1]
    # The owner's file decides, too.
    (home / "config.toml").write_text("read_only = true\n", "utf-8")
    assert await started_once(home, LINES) == reading
    (home / "config.toml").unlink()
    async with opened(home, gate=gate) as wire:
        assert await answers_to(wire, LINES) == said
        await ended(wire)


def test_a_key_that_cannot_be_used_stops_a_start_that_was_answered_before(
    home: Path, tmp_path: Path
) -> None:
    home.mkdir(0o700)
    (key := tmp_path / "key").write_text("claw_sk_test_in_a_file", "utf-8")
    key.chmod(0o600)
    table = f"[stores.mine]\nplatform = 'clawver'\nkey_file = '{key}'\n"
    (home / "config.toml").write_text(table, "utf-8")
    asyncio.run(started_once(home, LINES))
    assert kept_file(home).is_file()
    key.write_text("pnapi_of_another_platform", "utf-8")
    result = subprocess.run(
        serve(),
        env=environment(home, **KEY),
        input=b"".join(json.dumps(line).encode() + b"\n" for line in LINES),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"key_file" in result.stderr
    assert result.stderr.count(b"\n") == 1


# --- what the digest covers ----------------------------------------------------------------

BASE = {**KEY, "HOME": "/home/owner", "PATH": "/bin"}
OTHERS: dict[str, tuple[list[str], dict[str, str]]] = {
    "the sandbox": (["--sandbox"], {}),
    "its platform": (["--sandbox", "--platform", "cloove"], {}),
    "over HTTP": (["--http", "127.0.0.1:0"], {}),
    "another file": (["--config", "/etc/orders.toml"], {}),
    "the same file in one word": (["--config=/etc/other.toml"], {}),
    "a second store": ([], {"PAYNOW_API_KEY": "pnapi_x", "PAYNOW_STORE_ID": "1"}),
    "another account": ([], {"PAYNOW_API_KEY": "pnapi_x", "PAYNOW_STORE_ID": "2"}),
    "another address": ([], {"ORDER_SKILLS_CLAWVER_URL": "https://example.com"}),
    "reading alone": ([], {"ORDER_SKILLS_READ_ONLY": "1"}),
    "approval": ([], {"ORDER_SKILLS_APPROVAL": "never"}),
    "personal data": ([], {"ORDER_SKILLS_PERSONAL_DATA": "shown"}),
    "a limit": ([], {"ORDER_SKILLS_MAX_REFUND_MINOR": "1"}),
    "a wrong name, which stops the start": ([], {"ORDER_SKILL_READ_ONLY": "1"}),
    "a ledger": ([], {"ORDER_SKILLS_LEDGER": "/var/ledger.db"}),
    "a ledger in a database": ([], {"ORDER_SKILLS_LEDGER": "postgresql://a:b@c/d"}),
    "another home": ([], {"HOME": "/home/other"}),
}


def test_whatever_may_change_an_answer_changes_the_digest(tmp_path: Path) -> None:
    base = digest_of(["serve"], BASE, str(tmp_path))
    assert digest_of(["serve"], {**BASE, "PATH": "/other", "TERM": "x"}, str(tmp_path)) == base
    found = {
        name: digest_of(["serve", *words], {**BASE, **more}, str(tmp_path))
        for name, (words, more) in OTHERS.items()
    }
    found["no key"] = digest_of(["serve"], {"HOME": BASE["HOME"]}, str(tmp_path))
    (config := tmp_path / "config.toml").write_text("read_only = true\n", "utf-8")
    found["the file"] = digest_of(["serve"], BASE, str(tmp_path))
    config.chmod(0o600)
    found["its mode"] = digest_of(["serve"], BASE, str(tmp_path))
    assert len({base, *found.values()}) == 1 + len(found)


def test_a_key_changes_the_seal_and_nothing_else() -> None:
    other = {**BASE, "CLAW_API_KEY": "claw_sk_other"}
    assert digest_of(["serve"], other, "/home") == digest_of(["serve"], BASE, "/home")
    assert secret_of(other) != secret_of(BASE)
    # Nor does a password: it is in the digest only that there is a database.
    ledgers = [{**BASE, "ORDER_SKILLS_LEDGER": f"postgresql://a:{word}@c/d"} for word in "xy"]
    assert len({digest_of(["serve"], env, "/home") for env in ledgers}) == 1


def test_every_key_that_a_platform_has_is_a_key_here() -> None:
    assert set(KEYS) == {platform.key_variable for platform in PLATFORMS.values()}


def test_another_version_of_anything_installed_changes_the_digest(tmp_path: Path) -> None:
    asked = (
        "from order_skills.quick_start.inputs import digest_of;"
        "print(digest_of(['serve'], {}, '/home').hex())"
    )
    found = set()
    for installed in ("mcp-2.3.0", "mcp-2.3.1"):
        (folder := tmp_path / installed / f"{installed}.dist-info").mkdir(parents=True)
        path = os.pathsep.join((str(SOURCE), str(folder.parent)))
        env = environment(tmp_path, PYTHONPATH=path)
        found.add(subprocess.check_output([sys.executable, "-c", asked], env=env))
    assert len(found) == 2


def test_a_changed_file_of_the_package_changes_the_digest(tmp_path: Path) -> None:
    shutil.copytree(SOURCE / "order_skills", tmp_path / "order_skills")
    asked = (
        "from order_skills.quick_start.inputs import digest_of;"
        "print(digest_of(['serve'], {}, '/home').hex())"
    )
    env = environment(tmp_path, PYTHONPATH=str(tmp_path))
    found = {subprocess.check_output([sys.executable, "-c", asked], env=env) for _ in range(2)}
    assert len(found) == 1
    with (tmp_path / "order_skills" / "tools" / "reading.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    found.add(subprocess.check_output([sys.executable, "-c", asked], env=env))
    assert len(found) == 2


# --- the file -------------------------------------------------------------------------------


def some(number: int = 1) -> dict[bytes, tuple[bool, bytes]]:
    return {
        bytes([n]) * 16: (n == 0, b"" if n == 1 else b',"n":%d}' % (n // 2)) for n in range(number)
    }


def test_what_is_kept_is_read_back_and_adds_up(home: Path) -> None:
    kept = Kept(str(home), b"i" * 16, b"secret")
    assert kept.read() == {}
    kept.write(some(4), [])
    kept.write({b"x" * 16: (False, b',"x":1}')}, [])
    assert kept.read() == {**some(4), b"x" * 16: (False, b',"x":1}')}
    if sys.platform != "win32":
        assert kept_file(home).stat().st_mode & 0o777 == 0o600
        assert kept_file(home).parent.stat().st_mode & 0o777 == 0o700
        assert home.stat().st_mode & 0o777 == 0o700


def test_too_many_lines_begin_anew_with_the_newest(home: Path) -> None:
    kept = Kept(str(home), b"i" * 16, b"secret")
    kept.write(some(MAX_LINES), [])
    kept.write({b"x" * 16: (False, b',"x":1}')}, [])
    assert list(kept.read()) == [b"x" * 16]


def test_old_files_make_room_for_new_ones(home: Path) -> None:
    for number in range(MAX_FILES + 3):
        kept = Kept(str(home), bytes([number]) * 16, b"secret")
        kept.write(some(), [])
        # The clock of a file system may be coarse.
        os.utime(next((home / "quick-start").glob(f"{number:02x}*")), (number, number))
    names = sorted(file.name[:2] for file in (home / "quick-start").iterdir())
    assert len(names) == MAX_FILES
    assert names[-1] == f"{MAX_FILES + 2:02x}"


def test_a_file_that_it_depends_on_must_be_as_it_was(home: Path, tmp_path: Path) -> None:
    (other := tmp_path / "a key\tof mine").write_bytes(b"x")
    kept = Kept(str(home), b"i" * 16, b"secret")
    kept.write(some(), [str(other)])
    assert kept.read() == some()
    other.write_bytes(b"xy")
    assert kept.read() == {}
    kept.write(some(), [str(other)])
    other.unlink()
    assert kept.read() == {}


def replaced_by_a_link(file: Path) -> None:
    file.rename(file.with_suffix(".real"))
    file.symlink_to(file.with_suffix(".real"))


def replaced_by_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


OPEN_TO_OTHERS: dict[str, Callable[[Path], object]] = {
    "the file": lambda file: file.chmod(0o620),
    "the folder": lambda file: file.parent.chmod(0o770),
    "the home": lambda file: file.parents[1].chmod(0o777),
    "a link": replaced_by_a_link,
    "a pipe, which nobody writes": replaced_by_a_pipe,
}


@pytest.mark.skipif(sys.platform == "win32", reason="has access lists instead")
@pytest.mark.parametrize("opened_up", OPEN_TO_OTHERS.values(), ids=OPEN_TO_OTHERS)
def test_what_others_could_have_written_is_not_read(
    home: Path, opened_up: Callable[[Path], object]
) -> None:
    kept = Kept(str(home), b"i" * 16, b"secret")
    kept.write(some(), [])
    assert kept.read() == some()
    opened_up(kept_file(home))
    assert kept.read() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="has access lists instead")
def test_nothing_is_written_where_others_can_write(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(PermissionError):
        Kept(str(home), b"i" * 16, b"secret").write(some(), [])
    assert not (home / "quick-start" / f"{(b'i' * 16).hex()}.txt").exists()


WRITER = """
import sys
from order_skills.quick_start.kept import Kept
kept = Kept(sys.argv[1], b"i" * 16, b"secret")
for number in range(150):
    kept.write({bytes([int(sys.argv[2]), n]) * 8: (False, b"," * 50_000) for n in range(4)}, [])
"""


def test_two_processes_that_write_at_once_leave_a_whole_file(home: Path) -> None:
    kept = Kept(str(home), b"i" * 16, b"secret")
    env = environment(home)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(home), who], env=env) for who in "12"
    ]
    until(kept.read)
    while any(writer.poll() is None for writer in writers):
        assert len(kept.read()) in (4, 8)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert [file.suffix for file in (home / "quick-start").iterdir()] == [".txt"]
