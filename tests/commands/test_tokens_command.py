"""`order-skills tokens`: made and shown once, listed without a hash, revoked and nothing else."""

import re
import stat
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import Run, environment
from refund_scene import Person

from order_skills.cli import main
from order_skills.commands.config_file import CannotEdit, with_token, without_token
from order_skills.settings import load
from order_skills.settings_http import HttpSettings
from order_skills.signin.own_tokens import hash_of
from order_skills.signin.verifier import Verifier

HEADER = re.compile(r"Authorization: Bearer (ost_[A-Za-z0-9_-]{43})\n")
HASH = "sha256:" + "0123456789abcdef" * 4
NEW = ("tokens", "new", "support-agent", "--scope", "orders:read", "refunds:write")
STORES = """# Ours, since May.
log = "info" # quiet enough

[stores.papers]
platform = "clawver"
key = "claw_sk_test_0123456789"

# The second one.
[stores.shop]
platform = "clawver"
key = "claw_sk_test_9876543210"
url = "https://shop.example"
"""

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
has_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps access lists")


def wrote(home: Path, text: str = STORES) -> Path:
    """The settings file with this text."""
    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "config.toml"
    config.write_text(text, encoding="utf-8")
    config.chmod(0o600)
    return config


def service(home: Path) -> HttpSettings:
    """What a server that starts now knows."""
    return load({"ORDER_SKILLS_HOME": str(home)}).http


def token_in(output: str) -> str:
    found = HEADER.fullmatch(output)
    assert found, output
    return found[1]


# --- new ------------------------------------------------------------------------------------


async def test_a_new_token_signs_in_with_its_scopes_and_stores(home: Path, run: Run) -> None:
    config = wrote(home)
    done = run(*NEW, "--store", "papers")
    assert done.returncode == 0
    token = token_in(done.stdout)
    found = await Verifier(service(home)).verify_token(token)
    assert found is not None
    assert found.principal.name == "token:support-agent"
    assert found.principal.scopes == {"orders:read", "refunds:write"}
    assert found.principal.stores == {"papers"}
    # It is shown once; the file has its hash, and everything else as it was.
    text = config.read_text()
    assert token not in text + done.stderr
    assert text.startswith(STORES)
    assert tomllib.loads(text)["tokens"]["support-agent"] == {
        "hash": hash_of(token),
        "scopes": ["orders:read", "refunds:write"],
        "stores": ["papers"],
    }
    assert "support-agent is made: orders:read, refunds:write; papers." in done.stderr
    assert "Restart the servers" in done.stderr
    assert "whatever keeps it keeps a secret" in done.stderr


def test_without_a_file_one_is_made_for_oneself_alone(home: Path, run: Run) -> None:
    done = run("tokens", "new", "agent", "--scope", "orders:read")
    assert done.returncode == 0
    (token,) = service(home).tokens
    assert (token.name, token.hash) == ("agent", hash_of(token_in(done.stdout)))
    assert token.stores is None
    assert "all stores" in done.stderr
    if sys.platform != "win32":
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "config.toml").stat().st_mode) == 0o600


def test_every_token_is_another_and_scopes_may_be_repeated(home: Path, run: Run) -> None:
    wrote(home)
    one = run(*NEW, "--scope", "orders:read", "--scope", "webhooks:write")
    two = run("tokens", "new", "lead", "--scope", "orders:read", "--store", "shop", "papers")
    assert (one.returncode, two.returncode) == (0, 0)
    assert token_in(one.stdout) != token_in(two.stdout)
    first, second = service(home).tokens
    assert first.scopes == {"orders:read", "refunds:write", "webhooks:write"}
    assert second.stores == {"papers", "shop"}


def test_a_named_file_is_changed_and_no_other(home: Path, tmp_path: Path, run: Run) -> None:
    wrote(home)
    other = wrote(tmp_path / "other")
    done = run(*NEW, "--config", str(other))
    assert done.returncode == 0
    assert service(home).tokens == ()
    assert "tokens" in tomllib.loads(other.read_text())
    assert run("tokens", "--config", str(other), "list").stdout.startswith("support-agent")


@needs_terminal
def test_a_person_at_a_terminal_is_told_where_it_belongs(home: Path) -> None:
    wrote(home)
    with Person(environment(home), *NEW) as person:
        code, out, shown = person.end()
    assert code == 0
    token = token_in(out)
    assert token not in shown
    assert "as a header of its requests. It is shown this once." in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("new", "agent"), "--scope"),
        (("new", "agent", "--scope"), "--scope"),
        (("new", "--scope", "orders:read"), "NAME"),
        (("new", "agent", "--scope", "s3cr3t"), "--scope: must be of: orders:read, orders:write"),
        (("new", "agent", "--scope", "orders:read,refunds:write"), "--scope: must be of"),
        (("new", "Agent", "--scope", "orders:read"), "NAME: must be 1 to 32 of a-z"),
        (("new", "anna@s3cr3t.example", "--scope", "orders:read"), "NAME: must be 1 to 32"),
        (("new", "a]\n[x", "--scope", "orders:read"), "NAME: must be 1 to 32"),
        (("new", "", "--scope", "orders:read"), "NAME: must be 1 to 32"),
        (("new", "taken", "--scope", "orders:read"), "NAME: is a token's already"),
        (("new", "agent", "--scope", "orders:read", "--store", "s3cr3t"), "be of: papers, shop"),
        (("new", "agent", "--scope", "orders:read", "--token", "s3cr3t"), "never an argument"),
        (("revoke", "s3cr3t"), "NAME: is no token's"),
        (("revoke", "tak"), "NAME: is no token's"),
        (("revoke", ".*"), "NAME: is no token's"),
        (("revoke",), "NAME"),
        (("list", "s3cr3t"), "unexpected argument"),
        ((), "ACTION"),
        (("renew",), "ACTION"),
    ],
    ids=range(19),
)
def test_what_cannot_be_done_changes_nothing(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setenv("ORDER_SKILLS_HOME", str(home))
    monkeypatch.delenv("CLAW_API_KEY", raising=False)
    config = wrote(home, f'{STORES}[tokens.taken]\nhash = "{HASH}"\nscopes = ["orders:read"]\n')
    before = config.read_bytes()
    assert main(["tokens", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert "s3cr3t" not in err
    assert config.read_bytes() == before


def test_a_store_can_be_chosen_only_where_there_is_one(home: Path, run: Run) -> None:
    done = run(*NEW, "--store", "papers")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--store: cannot be chosen: no store is configured" in done.stderr
    assert not home.exists()


def test_the_help_explains_the_scopes(run: Run) -> None:
    done = run("tokens", "new", "--help")
    for scope in ("orders:read", "orders:write", "refunds:write", "webhooks:write"):
        assert re.search(rf"^  {scope} +\w", done.stdout, re.MULTILINE)


@has_modes
def test_a_folder_that_others_can_read_is_refused(home: Path, run: Run) -> None:
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    done = run(*NEW)
    assert (done.returncode, done.stdout) == (2, "")
    assert "chmod 700" in done.stderr
    assert not (home / "config.toml").exists()


# --- list -----------------------------------------------------------------------------------


def test_the_list_has_names_scopes_and_stores_and_no_hash(home: Path, run: Run) -> None:
    more = (
        f'[tokens.support-agent]\nhash = "{HASH}"\nscopes = ["refunds:write", "orders:read"]\n'
        f'[tokens.lead]\nhash = "{HASH[:-1]}0"\nscopes = ["orders:read"]\n'
        'stores = ["shop", "papers"]\n'
    )
    wrote(home, STORES + more)
    done = run("tokens", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "lead           orders:read                 papers, shop",
        "support-agent  orders:read, refunds:write  all stores",
    ]


def test_an_empty_list_says_how_to_make_one(home: Path, run: Run) -> None:
    done = run("tokens", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "order-skills tokens new NAME --scope SCOPE" in done.stderr


# --- revoke ---------------------------------------------------------------------------------


async def test_a_revoked_token_signs_in_no_more_and_the_others_do(home: Path, run: Run) -> None:
    config = wrote(home)
    agent = token_in(run(*NEW).stdout)
    with_agent = config.read_text()
    lead = token_in(run("tokens", "new", "lead", "--scope", "orders:read").stdout)
    done = run("tokens", "revoke", "support-agent")
    assert (done.returncode, done.stdout) == (
        0,
        f"Revoked support-agent: it is no longer in {config}.\n",
    )
    assert "until then they take it" in done.stderr
    verifier = Verifier(service(home))
    assert await verifier.verify_token(agent) is None
    assert await verifier.verify_token(lead) is not None
    run("tokens", "revoke", "lead")
    assert config.read_text() == STORES != with_agent
    assert run("tokens", "revoke", "lead").returncode == 2


def test_a_token_is_revoked_even_where_another_setting_is_wrong(home: Path, run: Run) -> None:
    wrong = f'[tokens.agent]\nhash = "{HASH}"\nscopes = ["orders:read"]\nstores = ["gone"]\n'
    config = wrote(home, STORES + wrong)
    assert run("tokens", "list").returncode == 2
    assert run("tokens", "revoke", "agent").returncode == 0
    assert config.read_text() == STORES


@has_modes
def test_the_file_stays_ones_own_and_a_link_a_link(home: Path, tmp_path: Path, run: Run) -> None:
    kept = wrote(tmp_path / "kept")
    home.mkdir(mode=0o700)
    (home / "config.toml").symlink_to(kept)
    assert run(*NEW).returncode == 0
    assert (home / "config.toml").is_symlink()
    assert "tokens" in tomllib.loads(kept.read_text())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["config.toml"]


# --- the lines of the file ------------------------------------------------------------------

TABLE = f'[tokens.agent]\nhash = "{HASH}"\nscopes = ["orders:read"]\n'
KEPT: dict[str, str | list[str]] = {"hash": HASH, "scopes": ["orders:read"]}


@pytest.mark.parametrize(
    "text",
    [
        "# only a comment\n",
        STORES,
        'log = "info"\n',
        'log = "info"\n\n\n',
        f"[tokens.lead]\nhash = '{HASH}' # Anna's\nscopes = [\n  \"orders:read\",\n]\n",
        "[tokens]\n",
        'log = "info"\n# the last words\n',
    ],
    ids=range(7),
)
def test_what_is_added_and_taken_out_again_leaves_every_byte(text: str) -> None:
    added = with_token(text, "agent", KEPT)
    assert added.startswith(text)
    assert tomllib.loads(added)["tokens"]["agent"] == KEPT
    if text != "[tokens]\n":
        assert without_token(added, "agent") == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (TABLE, ""),
        (f"{TABLE}\n[stores.x]\na = 1\n", "\n[stores.x]\na = 1\n"),
        (f"a = 1\n\n{TABLE}\n# Theirs.\n[b]\n", "a = 1\n\n# Theirs.\n[b]\n"),
        (f"[b]\n{TABLE}[c]\n", "[b]\n[c]\n"),
        (f"# Hers.\n[ tokens . agent ] # since May\nhash = '{HASH}'", "# Hers.\n"),
        (
            f"{TABLE}[tokens.agent-2]\nhash = '{HASH}'\n",
            f"[tokens.agent-2]\nhash = '{HASH}'\n",
        ),
        (
            f"[tokens.agent]\nscopes = [\n  'orders:read', # look\n\n]\nhash = '{HASH}'\n[b]\n",
            "[b]\n",
        ),
    ],
    ids=range(7),
)
def test_exactly_the_table_of_the_token_is_taken_out(text: str, left: str) -> None:
    assert without_token(text, "agent") == left


@pytest.mark.parametrize(
    "text",
    [
        'tokens = {agent = {hash = "x"}}\n',
        '[tokens]\nagent = {hash = "x"}\n',
        '[tokens]\nagent.hash = "x"\n',
        '[tokens."agent"]\nhash = "x"\n',
        f'[tokens.agent]\nhash = "{HASH}"\nscopes = [\n  ["x"],\n]\n',
        '[tokens.agent]\nhash = "x"\nnote = """\n[b]\n"""\n',
        f'note = """\n[tokens.agent]\n"""\n["tokens"."agent"]\nhash = "{HASH}"\n',
    ],
    ids=["inline", "in-the-table", "dotted", "quoted", "nested", "inside-a-text", "twice"],
)
def test_a_table_whose_lines_cannot_be_told_apart_is_not_taken_out(text: str) -> None:
    with pytest.raises(CannotEdit):
        without_token(text, "agent")


def test_where_no_table_can_be_added_the_owner_is_told(home: Path, run: Run) -> None:
    text = f'tokens = {{lead = {{hash = "{HASH}", scopes = ["orders:read"]}}}}\n'
    config = wrote(home, text)
    for arguments in (NEW, ("tokens", "revoke", "lead")):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is written in a way that cannot be changed safely" in done.stderr
    assert config.read_text() == text
