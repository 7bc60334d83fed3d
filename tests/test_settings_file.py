"""The TOML file and key files: what is read, and what is too risky to be read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from order_skills.errors import ConfigurationError
from order_skills.settings import Settings, load

CANARY = "claw_sk_live_CANARY0123456789"
WITH_KEY = f'[stores.clawver]\nplatform = "clawver"\nkey = "{CANARY}"\n'

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and FIFOs are POSIX's")


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """A file with this text and mode."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def of(home: Path) -> Settings:
    """The settings of a home, with nothing else in the environment."""
    return load({"ORDER_SKILLS_HOME": str(home)})


def refused(home: Path) -> ConfigurationError:
    """The error for the settings of a home; no error shows the key."""
    with pytest.raises(ConfigurationError) as caught:
        of(home)
    assert "CANARY" not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


def test_the_file_of_the_home_is_read(tmp_path: Path) -> None:
    config = write(tmp_path / "config.toml", WITH_KEY)
    (store,) = of(tmp_path).stores
    assert store.key.reveal() == CANARY
    assert store.key_setting == f"stores.clawver.key in {config}"


def test_another_file_is_read_instead_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path / "config.toml", "log = 'not read'")
    other = write(tmp_path / "other.toml", 'log = "info"')
    settings = load({"ORDER_SKILLS_HOME": str(tmp_path)}, other)
    assert settings.log == "info"
    assert settings.config == other


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file") as caught:
        load({"ORDER_SKILLS_HOME": str(tmp_path)}, tmp_path / "none.toml")
    assert caught.value.setting == "--config"


@pytest.mark.parametrize(
    ("text", "setting", "hint"),
    [
        ('aproval = "never"', "aproval", "did you mean approval in"),
        ("store = {}", "store", "did you mean stores in"),
        ("home = '/x'", "home", "is no setting"),
        ('read_only = "true"', "read_only", "true or false"),
        ("read_only = 1", "read_only", "true or false"),
        ("approval = true", "approval", "always, never"),
        ('approval_doors = ["host"]', "approval_doors", "host,command"),
        ("approval_doors = []", "approval_doors", "host,command"),
        ("approval_hours = nan", "approval_hours", "hours"),
        ("approval_hours = true", "approval_hours", "hours"),
        ("max_refund_minor = -1", "max_refund_minor", "whole number"),
        ("requests_per_minute = true", "requests_per_minute", "whole number"),
        ("daily_refund_minor = 10.0", "daily_refund_minor", "whole number"),
        ("ledger = 5", "ledger", "text in quotes"),
        ('trust_env = "yes"', "trust_env", "true or false"),
        ("stores = []", "stores", "[stores.NAME]"),
        ("[stores]\nclawver = 1", "stores", "[stores.NAME]"),
    ],
)
def test_a_bad_setting_is_named_with_its_file_e5(
    tmp_path: Path, text: str, setting: str, hint: str
) -> None:
    config = write(tmp_path / "config.toml", text)
    error = refused(tmp_path)
    assert error.setting == f"{setting} in {config}"
    assert hint in error.problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f'key = "{CANARY}\n', "not valid TOML (at line 1, column"),
        (f"key = {CANARY}", "not valid TOML (at line 1, column"),
        (f"[stores.clawver]\nkey = '{CANARY}'\nkey = '{CANARY}'", "not valid TOML (at "),
        ("log = 'info'\x00", "not valid TOML"),
        (b"log = '\xff'", "not UTF-8"),
        (WITH_KEY.encode("utf-16"), "not UTF-8"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("#" * 262_145, "larger than"),
    ],
    ids=["string", "bare", "twice", "nul", "latin", "utf-16", "deep", "huge"],
)
def test_what_is_no_toml_is_refused_with_its_place_and_without_its_text(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    config = write(tmp_path / "config.toml", content)
    error = refused(tmp_path)
    assert error.setting == str(config)
    assert says in error.problem


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    write(tmp_path / "config.toml", b"\xef\xbb\xbflog = 'info'")
    assert of(tmp_path).log == "info"


def test_a_dotenv_file_in_the_working_folder_is_not_read_e10(tmp_path: Path) -> None:
    write(tmp_path / ".env", 'ORDER_SKILLS_APPROVAL="never"\n')
    write(tmp_path / "config.toml", 'approval = "never"\n')
    code = "import os, order_skills.settings as s; print(s.load(os.environ).approval.kind)"
    source = str(Path(__file__).parents[1] / "src")
    environ = {"PYTHONPATH": source, "ORDER_SKILLS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "always"


# --- who else can read or change it --------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o606])
def test_a_file_with_a_key_must_be_private(tmp_path: Path, mode: int) -> None:
    config = write(tmp_path / "config.toml", WITH_KEY, mode)
    assert f"chmod 600 '{config}'" in refused(tmp_path).problem


@posix
@pytest.mark.parametrize(
    "text",
    [
        'ledger = "postgresql://u:CANARY@h/d"',
        '[stores.a]\nplatform = "clawver"\nwebhook_secrets = ["CANARY-0123456789"]',
    ],
)
def test_a_file_with_another_secret_must_be_private(tmp_path: Path, text: str) -> None:
    write(tmp_path / "config.toml", text, 0o644)
    assert "open to other users" in refused(tmp_path).problem


@posix
def test_a_file_with_policy_alone_may_be_read_by_all_and_changed_by_none(tmp_path: Path) -> None:
    config = write(tmp_path / "config.toml", 'approval = "never"', 0o644)
    assert of(tmp_path).approval.kind == "never"
    config.chmod(0o664)
    assert "can be changed by other users" in refused(tmp_path).problem


@posix
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() != 0, reason="only root gives away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path / "config.toml", 'approval = "never"')
    os.chown(config, 12345, -1)
    assert "belongs to another user" in refused(tmp_path).problem


@posix
def test_a_file_that_is_a_folder_or_a_broken_link_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.symlink_to(tmp_path / "gone")
    assert "leads nowhere" in refused(tmp_path).problem
    config.unlink()
    config.mkdir()
    assert "not a regular file" in refused(tmp_path).problem


BROKEN = {
    "[stores.clawver]\nkey = CANARY": ("line 2, column 7", "a text needs quotes"),
    'log = "CANARY': ("at end of the file", "misses its closing quote"),
    'log = "CANARY\nx = 1': ("line 1", "misses its closing quote"),
    "log 'CANARY'": ("line 1", "must be followed by ="),
    "[stores.CANARY\nkey = 1": ("line 1", "not closed by ]"),
    'log = "info"\nlog = "CANARY"': ("(at ", "this setting stands there twice"),
    "[CANARY]\n[CANARY]": ("line 2", "this table stands there twice"),
    'log = "info" CANARY': ("line 1", "something stands behind a value"),
    "= CANARY": ("line 1", "neither a name = value nor a [table]"),
    "doors = ['CANARY' 'b']": ("line 1", "a list misses a comma"),
    'home = "C:\\CANARY"': ("line 1", "a backslash must be doubled"),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_file_that_is_no_toml_is_explained_in_words_that_quote_nothing_of_it(
    tmp_path: Path, text: str, says: tuple[str, str]
) -> None:
    config = write(tmp_path / "config.toml", text)
    error = refused(tmp_path)
    assert error.setting == str(config)
    for words in ("is not valid TOML", *says):
        assert words in error.problem
    assert "CANARY" not in error.problem


# --- key files ----------------------------------------------------------------------------


def with_key_file(home: Path) -> Path:
    """A home whose store has its key in the file `key`, which is not there yet."""
    path = home / "key"
    text = f'[stores.clawver]\nplatform = "clawver"\nkey_file = "{path.as_posix()}"\n'
    write(home / "config.toml", text, 0o644)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_key_file_holds_the_key_and_perhaps_a_line_break(tmp_path: Path, end: str) -> None:
    write(with_key_file(tmp_path), CANARY + end)
    (store,) = of(tmp_path).stores
    assert store.key.reveal() == CANARY
    assert store.key_setting == f"stores.clawver.key_file in {tmp_path / 'config.toml'}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"{CANARY}\n\n", "line break"),
        (f"{CANARY}\n{CANARY}", "line break"),
        (f"CLAW_API_KEY={CANARY} ", "white space"),
        ("", "is empty"),
        ("pnapi_CANARY", "a PayNow key"),
        (b"\xff\xfeCANARY", "not UTF-8"),
        ("CANARY" * 1_000_000, "larger than 4096 bytes"),
    ],
    ids=["E1-two-ends", "E1-two-lines", "E1-space", "E1-empty", "G32", "E1-binary", "E2-huge"],
)
def test_what_is_no_key_in_a_key_file_is_refused(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    write(with_key_file(tmp_path), content)
    error = refused(tmp_path)
    assert error.setting == f"stores.clawver.key_file in {tmp_path / 'config.toml'}"
    assert says in error.problem


def test_a_missing_key_file_is_refused_e2(tmp_path: Path) -> None:
    with_key_file(tmp_path)
    assert "there is no file" in refused(tmp_path).problem


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_key_file_that_others_can_open_is_refused_e2(tmp_path: Path, mode: int) -> None:
    path = write(with_key_file(tmp_path), CANARY, mode)
    assert f"chmod 600 '{path}'" in refused(tmp_path).problem


@posix
def test_a_key_file_that_is_a_folder_is_refused_e2(tmp_path: Path) -> None:
    with_key_file(tmp_path).mkdir()
    assert "not a regular file" in refused(tmp_path).problem


@posix
def test_a_key_file_that_is_a_fifo_is_refused_without_waiting_for_a_writer_e2(
    tmp_path: Path,
) -> None:
    os.mkfifo(with_key_file(tmp_path), 0o600)
    assert "not a regular file" in refused(tmp_path).problem


@posix
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() != 0, reason="only root gives away")
def test_a_key_file_of_another_user_is_refused_e2(tmp_path: Path) -> None:
    path = write(with_key_file(tmp_path), CANARY)
    os.chown(path, 12345, -1)
    assert "belongs to another user" in refused(tmp_path).problem
