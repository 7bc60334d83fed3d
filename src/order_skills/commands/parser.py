"""What the command line takes: commands, options, and the words for what is wrong with them.

Loaded where there is something to parse: `order-skills serve` alone has nothing.
"""

import argparse
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from order_skills import __version__
from order_skills.commands import HOSTS
from order_skills.settings_platforms import PLATFORMS

# argparse repeats what it was given, which may be a key that does not belong there.
_REPEATED = re.compile(
    r"(invalid choice|invalid \w+ value|ignored explicit argument):? .*?(?= \(choose|$)", re.DOTALL
)
_NO_KEY_HERE = (
    "a key is never an argument, because every user of the machine could read it there; "
    "set the store's variable, such as CLAW_API_KEY, or run: order-skills init"
)

# Commands whose options are in their own modules, which are loaded only where they are meant.
LARGER = {
    "refunds": "Approve, deny, list and settle refunds.",
    "webhooks": "Where stores send their events, and secrets.",
    "tokens": "Make, list and revoke the tokens that sign in to a service.",
    "ledger": "Check the refunds' ledger, or move it to PostgreSQL.",
    "report": "Show the daily order check, or write it as HTML.",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_REPEATED.sub(r"\1", message))


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """What was asked for.

    Raises:
        SystemExit: help was, or nothing that there is; argparse has printed what there is to say.
    """
    parser = _Parser(
        prog="order-skills",
        description="Safe order tools for AI agents.",
        epilog="Settings and keys come from the environment and config.toml, never from here.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"order-skills {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, what: str, *, config: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        if config:
            added.add_argument(
                "--config", type=Path, metavar="FILE", help="settings file (default: in the home)"
            )
        return added

    serve = command("serve", "Serve the tools to an agent host, over stdio or HTTP.")
    serve.add_argument(
        "--sandbox", action="store_true", help="on the embedded store: no key, no network"
    )
    serve.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="over Streamable HTTP on this machine, with webhooks, instead of stdio",
    )
    serve.add_argument(
        "--platform",
        choices=tuple(PLATFORMS),
        action="append",
        default=[],
        help="with --sandbox: whose dialect it speaks (default: clawver); repeat it for several",
    )
    command("demo", "Show a guided tour on the embedded store.", config=False)
    sandbox = command("sandbox", "Run the embedded store as an HTTP server.", config=False)
    sandbox.add_argument("--platform", choices=tuple(PLATFORMS), default="clawver")
    sandbox.add_argument(
        "--port", type=_port, default=0, metavar="N", help="on 127.0.0.1 (default: a free one)"
    )
    sandbox.add_argument("--data", type=Path, metavar="FILE", help="a shop of your own, in JSON")
    init = command("init", "Ask for a store's key, try it, and keep it in config.toml.")
    init.add_argument(
        "--platform", choices=tuple(PLATFORMS), help="whose store it is (default: init asks)"
    )
    what = init.add_mutually_exclusive_group()
    what.add_argument("--replace", action="store_true", help="replace the key that is there")
    what.add_argument(
        "--passphrase",
        action="store_true",
        help="set, change or remove the passphrase that approvals ask for, and nothing else",
    )
    command("doctor", "Check settings, keys, reachability and ledger.")
    for name, about in LARGER.items():
        added = command(name, about)
        if name in argv:
            import_module(f"order_skills.commands.{name}").add_arguments(added)
    host = command("config", "Print the configuration for an agent host.")
    host.add_argument("host", choices=HOSTS, metavar="HOST", help=", ".join(HOSTS))

    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(_unknown(unknown))
    return arguments


def _unknown(arguments: list[str]) -> str:
    # Only as much of an option as is a name: -kSECRET and --key=SECRET hold more.
    names = [found[0] for a in arguments if (found := re.match("--[a-zA-Z-]{1,20}|-.?", a))]
    shown = f"unknown option {names[0]}" if names else "unexpected argument"
    if not names or any(re.search("key|token|secret", name, re.IGNORECASE) for name in names):
        return f"{shown}; {_NO_KEY_HERE}"
    return shown


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
