"""`order-skills webhooks`: what is listed, and what a person at a terminal adds and removes."""

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import HANGS_AFTER_SECONDS, Run, StoreServer, environment
from refund_scene import Person

from order_skills.sandbox import Fault

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

HOST = "hooks.example.com"
URL = f"https://{HOST}/webhooks/clawver"
ADD = ("add", URL, "--events", "order.paid,order.refunded")
QUESTION = f"To approve, type the host name ({HOST}): "
EVIL = "To approve, type the host name (evil.example): "


class Owner:
    """An owner's machine: a settings file, a folder of state, and a store that answers."""

    def __init__(self, home: Path, store: StoreServer, run: Run) -> None:
        self.home, self.store, self._run = home, store, run
        self.configure()

    @property
    def hooks(self) -> dict[str, tuple[str, str]]:
        """Id → address and secret of what the store has."""
        return {w.id: (w.url, w.secret) for w in self.store.box.shop.webhooks.values()}

    @property
    def kept(self) -> list[dict[str, str]]:
        """The secrets that are kept."""
        path = self.home / "webhook-secrets-clawver.json"
        found: list[dict[str, str]] = json.loads(path.read_text())["secrets"]
        return found

    def configure(self, hosts: tuple[str, ...] = (HOST,), *, more: str = "", top: str = "") -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        config = self.home / "config.toml"
        listed = f"webhook_hosts = {json.dumps(hosts)}\n" if hosts else ""
        config.write_text(
            f'{top}\n[stores.clawver]\nplatform = "clawver"\nkey = "{self.store.key}"\n'
            f'url = "{self.store.url}"\n{listed}{more}'
        )
        config.chmod(0o600)

    def registered(self, url: str = "https://evil.example/x") -> str:
        """Somebody registered this address; the store's id of it."""
        box = self.store.box
        return box.shop.add_webhook(url, ("order.paid",), "x" * 16, box.now()).id

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return self._run("webhooks", *arguments, **variables)

    def person(self, *arguments: str, **variables: str) -> Person:
        return Person(environment(self.home, **variables), "webhooks", *arguments)


@pytest.fixture
def owner(home: Path, run: Run) -> Iterator[Owner]:
    with StoreServer() as store:
        yield Owner(home, store, run)


def of_other_platforms() -> str:
    """Further stores, whose webhooks are managed elsewhere."""
    return (
        '[stores.papers]\nplatform = "vesuviopay"\nkey = "sk_test_0123456789abcdef"\n'
        '[stores.shop]\nplatform = "cloove"\nkey = "clv_test_sk_0123456789abcdef"\n'
    )


# --- list -----------------------------------------------------------------------------------


def test_the_list_marks_what_nobody_listed(owner: Owner) -> None:
    ours, theirs = owner.registered(URL), owner.registered()
    plain = owner.registered(f"http://{HOST}/x")
    owner.configure(more=of_other_platforms())
    done = owner.run("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "clawver: 3 webhooks at Clawver; 0 secrets for the receiver",
        f"  {ours}  {URL}  order.paid",
        f"  {theirs}  https://evil.example/x  order.paid  <- nobody listed evil.example",
        f"  {plain}  http://{HOST}/x  order.paid  <- not an https address of ours",
        "papers: managed in VesuvioPay's dashboard; 0 secrets for the receiver",
        "shop: managed in Cloove's dashboard; 0 secrets for the receiver",
    ]


def test_a_list_without_hosts_marks_everything(owner: Owner) -> None:
    owner.configure(hosts=())
    owner.registered(URL)
    assert f"<- nobody listed {HOST}" in owner.run("list").stdout


def test_a_store_that_does_not_answer_ends_the_list_with_1(owner: Owner) -> None:
    fault = Fault("status", code=503, headers={"retry-after": "300"}, times=None)
    owner.store.box.faults.add(fault)
    done = owner.run("list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("order-skills: clawver: Clawver failed to answer")


# --- add ------------------------------------------------------------------------------------


@needs_terminal
def test_a_person_who_types_the_host_registers_it(owner: Owner) -> None:
    with owner.person(*ADD) as person:
        person.answer(QUESTION, HOST)
        code, out, shown = person.end()
    ((webhook_id, (url, secret)),) = owner.hooks.items()
    assert code == 0
    assert out == (
        f"Registered {webhook_id}: Clawver sends order.paid, order.refunded to {URL}. "
        "Its secret is kept for the receiver.\n"
    )
    assert url == URL
    for fact in (HOST, URL, "order.paid (an order was paid)", "its total and its items"):
        assert fact in shown
    assert secret not in out + shown
    (entry,) = owner.kept
    assert (entry["secret"], entry["url"], entry["webhook_id"]) == (secret, URL, webhook_id)
    assert stat.S_IMODE((owner.home / "webhook-secrets-clawver.json").stat().st_mode) == 0o600


@needs_terminal
@pytest.mark.parametrize("typed", ["", "yes", HOST.upper(), f"{HOST} ", f"{HOST}.", URL])
def test_anything_but_the_host_as_shown_registers_nothing(owner: Owner, typed: str) -> None:
    with owner.person(*ADD) as person:
        person.answer(QUESTION, typed)
        code, out, shown = person.end()
    assert (code, out) == (1, "")
    assert "nothing was registered" in shown
    assert owner.hooks == {}
    assert owner.store.box.request_count("POST") == 0


@needs_terminal
@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="a background job has no Ctrl-C"
)
def test_an_interrupted_question_registers_nothing(owner: Owner) -> None:
    with owner.person(*ADD) as person:
        person.interrupt(QUESTION)
        assert person.end()[0] == 130
    assert owner.hooks == {}


@needs_terminal
def test_where_a_passphrase_is_set_it_is_asked_for_too(owner: Owner) -> None:
    from order_skills.passphrase import hashed

    owner.configure(top=f'approval_passphrase = "{hashed("one two three")}"')
    for given, made in (("wrong", 0), ("one two three", 1)):
        with owner.person(*ADD) as person:
            person.answer(QUESTION, HOST)
            person.answer("Passphrase", given)
            assert person.end()[0] == 1 - made
        assert len(owner.hooks) == made


@pytest.mark.parametrize(
    "arguments", [ADD, ("remove", "wh_1"), ("prune",), ("secret",), ("secret", "--given")], ids=str
)
def test_a_pipe_can_do_nothing_of_it(owner: Owner, arguments: tuple[str, ...]) -> None:
    owner.registered()
    done = subprocess.run(
        [sys.executable, "-m", "order_skills", "webhooks", *arguments],
        env=environment(owner.home),
        input=f"{HOST}\nevil.example\n",
        capture_output=True,
        encoding="utf-8",
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "is answered by a person at a terminal" in done.stderr
    assert len(owner.hooks) == 1
    assert owner.store.box.requests == []
    assert not list(owner.home.glob("webhook*"))


@needs_terminal
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("add", "https://evil.example/x", "--events", "order.paid"),
            f"URL: must be at a host that the owner allowed: {HOST}",
        ),
        (("add", f"http://{HOST}/x", "--events", "order.paid"), "URL: must begin with https://"),
        (("add", f"https://a@{HOST}/x", "--events", "order.paid"), "URL: must be a plain address"),
        (("add", URL, "--events", "order.paid,x"), "--events: must be of: order.created, "),
        (("add", URL, "--events", ""), "--events: must be of: order.created, "),
        (("add", URL), "--events"),
        (("remove", "wh_none"), "WEBHOOK_ID: names none"),
        (("list", "--store", "other"), "--store: must be one of: clawver"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_2(
    owner: Owner, arguments: tuple[str, ...], said: str
) -> None:
    with owner.person(*arguments) as person:
        code, out, shown = person.end()
    assert (code, out) == (2, "")
    assert said in " ".join(shown.split())
    assert owner.hooks == {}


@needs_terminal
def test_without_a_list_of_hosts_the_setting_is_named(owner: Owner) -> None:
    owner.configure(hosts=())
    with owner.person(*ADD) as person:
        code, _, shown = person.end()
    assert code == 2
    assert 'webhook_hosts = ["hooks.example.com"]' in shown


@needs_terminal
def test_where_settings_only_read_nothing_is_changed(owner: Owner) -> None:
    with owner.person(*ADD, ORDER_SKILLS_READ_ONLY="1") as person:
        code, _, shown = person.end()
    assert code == 1
    assert "READ_ONLY: " in shown
    assert owner.store.box.requests == []


@needs_terminal
@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_lost_answer_is_told_as_unknown_and_the_secret_is_kept(owner: Owner, kind: str) -> None:
    owner.store.box.faults.add(Fault(kind, method="POST"))
    with owner.person(*ADD) as person:
        person.answer(QUESTION, HOST)
        code, out, shown = person.end()
    assert (code, out) == (1, "")
    assert "whether Clawver has it is not known" in shown
    assert "order-skills webhooks list" in shown
    assert len(owner.kept) == 1


@needs_terminal
def test_adding_it_again_shows_what_is_there_and_makes_another_secret(owner: Owner) -> None:
    """How a secret is changed without a gap: add, then remove the older one."""
    for _ in range(2):
        with owner.person(*ADD) as person:
            person.answer(QUESTION, HOST)
            _, _, shown = person.end()
    old, new = owner.hooks
    assert f"Already at this address  {old}" in shown
    assert len({secret for _, secret in owner.hooks.values()}) == 2
    with owner.person("remove", old) as person:
        person.answer(QUESTION, HOST)
        assert person.end()[:2] == (0, f"Removed {old} at {HOST}.\n")
    assert list(owner.hooks) == [new]
    assert [entry["secret"] for entry in owner.kept] == [owner.hooks[new][1]]


def test_of_several_stores_one_must_be_named(owner: Owner) -> None:
    more = f'[stores.west]\nplatform = "clawver"\nkey = "{owner.store.key}"\n'
    owner.configure(more=more)
    done = owner.run(*ADD)
    assert done.returncode == 2
    assert "--store: is needed to choose one of: clawver, west" in done.stderr


# --- prune ----------------------------------------------------------------------------------


@needs_terminal
def test_prune_removes_what_nobody_listed_and_only_what_was_confirmed(owner: Owner) -> None:
    ours = owner.registered(URL)
    one, two = owner.registered(), owner.registered("https://evil.example/y")
    with owner.person("prune") as person:
        person.answer(EVIL, "evil.example")
        person.answer(EVIL, "yes")
        code, out, shown = person.end()
    assert code == 1
    assert out == f"Removed {one} at evil.example.\n"
    assert f"{two} was not removed" in shown
    assert "https://evil.example/y" in shown
    assert set(owner.hooks) == {ours, two}
    with owner.person("prune") as person:
        person.answer(EVIL, "evil.example")
        assert person.end()[0] == 0
    assert set(owner.hooks) == {ours}


@needs_terminal
def test_prune_with_nothing_to_remove_asks_nothing(owner: Owner) -> None:
    owner.registered(URL)
    with owner.person("prune") as person:
        code, out, _ = person.end()
    assert (code, out) == (0, "clawver: every webhook is at a host that you listed.\n")


@needs_terminal
def test_an_address_that_steers_a_terminal_is_shown_as_text(owner: Owner) -> None:
    row = {"id": "wh_x", "url": "https://evil.example/x", "events": ["\x1b[2J\u202epaid"]}
    fault = Fault("edit", path="/v1/webhooks", times=None, set={"data.webhooks": [row]})
    owner.store.box.faults.add(fault)
    with owner.person("prune") as person:
        person.answer(EVIL, "no")
        _, _, shown = person.end()
    assert "\x1b" not in shown + owner.run("list").stdout
    assert "\u202e" not in shown


# --- secret ---------------------------------------------------------------------------------


@needs_terminal
def test_a_new_secret_is_printed_once_and_counts_beside_the_older_ones(owner: Owner) -> None:
    printed = []
    for _ in range(3):
        with owner.person("secret") as person:
            code, out, shown = person.end()
        assert code == 0
        assert "paste it into Clawver's dashboard" in shown
        assert out.strip() not in shown
        printed.append(out.strip())
    assert len(set(printed)) == 3
    assert all(len(secret) >= 32 for secret in printed)
    assert [entry["secret"] for entry in owner.kept] == printed
    assert "3 secrets for the receiver" in owner.run("list").stdout
    done = owner.run("secret", "--drop-old")
    assert (done.returncode, done.stdout) == (0, "Forgot 2 older secrets of clawver.\n")
    assert [entry["secret"] for entry in owner.kept] == printed[-1:]


@needs_terminal
def test_the_end_of_a_rotation_keeps_the_secrets_of_endpoints(owner: Owner) -> None:
    owner.configure(more='webhook_secrets = ["sixteen-characters"]\n')
    with owner.person(*ADD) as person:
        person.answer(QUESTION, HOST)
        person.end()
    for _ in range(2):
        with owner.person("secret") as person:
            person.end()
    done = owner.run("secret", "--drop-old")
    assert "webhook_secrets of the settings still count" in done.stderr
    assert [entry.get("url") for entry in owner.kept] == [URL, None]


@needs_terminal
def test_a_secret_that_a_dashboard_shows_is_taken_unseen(owner: Owner) -> None:
    owner.configure(more=of_other_platforms())
    given = "whsec_made_by_the_platform"
    with owner.person("secret", "--given", "--store", "papers") as person:
        person.answer("VesuvioPay's webhook secret (not shown while you type): ", given)
        code, out, shown = person.end()
    assert code == 0
    assert given not in out + shown
    held = json.loads((owner.home / "webhook-secrets-papers.json").read_text())["secrets"]
    assert [entry["secret"] for entry in held] == [given]


@needs_terminal
@pytest.mark.parametrize("given", ["", "short", "with a space in it, and long"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_repeated(owner: Owner, given: str) -> None:
    with owner.person("secret", "--given") as person:
        person.answer("(not shown while you type): ", given)
        code, out, shown = person.end()
    assert code == 2
    assert not given or given not in out + shown
    assert not list(owner.home.glob("webhook*"))


@needs_terminal
def test_a_platform_that_makes_its_own_secret_is_given_none(owner: Owner) -> None:
    owner.configure(more=of_other_platforms())
    with owner.person("secret", "--store", "papers") as person:
        code, out, shown = person.end()
    assert (code, out) == (2, "")
    assert "VesuvioPay makes the secret itself" in shown
    assert "--given" in shown


def test_without_a_store_there_is_nothing_to_list(run: Run) -> None:
    done = run("webhooks", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CLAW_API_KEY" in done.stderr
