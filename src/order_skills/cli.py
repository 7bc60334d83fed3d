"""The command line: parse, call, print. What a command does is in `order_skills.commands`.

Exit codes: 0 done, 1 it failed, 2 usage or configuration, 130 interrupted. Nothing heavy is
imported before the command that needs it is known, because a host waits for the start.
"""

import argparse
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from order_skills import __version__
from order_skills.errors import ConfigurationError

if TYPE_CHECKING:
    from order_skills.quick_start.front import Start

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# argparse repeats what it was given, which may be a key that does not belong there.
_REPEATED = re.compile(
    r"(invalid choice|invalid \w+ value|ignored explicit argument):? .*?(?= \(choose|$)", re.DOTALL
)
_NO_KEY_HERE = (
    "a key is never an argument, because every user of the machine could read it there; "
    "set the store's variable, such as CLAW_API_KEY, or run: order-skills init"
)

# Commands whose options are in their own modules, which are loaded only where they are meant.
_LARGER = {
    "refunds": "Approve, deny, list and settle refunds.",
    "webhooks": "Where stores send their events, and secrets.",
    "tokens": "Make, list and revoke the tokens that sign in to a service.",
    "ledger": "Check the refunds' ledger, or move it to PostgreSQL.",
    "report": "Show the daily order check, or write it as HTML.",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_REPEATED.sub(r"\1", message))


def main(argv: Sequence[str] | None = None, start: "Start | None" = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: without the program's name.
        start: of a server: what was answered already.
    """
    _never_fail_to_print()
    try:
        code = _outcome(sys.argv[1:] if argv is None else argv, start)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter's last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _outcome(argv: Sequence[str], start: "Start | None") -> int:
    try:
        return _run(_arguments(argv), os.environ, start)
    except SystemExit as end:
        # argparse has printed what there is to say.
        return end.code if isinstance(end.code, int) else USAGE
    except ConfigurationError as error:
        _say(str(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        from order_skills.logs import describe

        _say(f"internal error, please report it: {describe(error)}")
        return FAILED


def _run(arguments: argparse.Namespace, environ: Mapping[str, str], start: "Start | None") -> int:
    match arguments.command:
        case "serve":
            from order_skills.commands import serve

            return serve.run(
                environ,
                arguments.config,
                sandbox=arguments.sandbox,
                platforms=arguments.platform,
                http=arguments.http,
                start=start,
            )
        case "demo":
            from order_skills import demo
            from order_skills.commands import host_config

            return demo.run(host_config.as_typed(environ.get("PATH")))
        case "sandbox":
            from order_skills.commands import sandbox

            return sandbox.run(arguments.platform, arguments.port, arguments.data)
        case "init":
            if arguments.passphrase:
                from order_skills.commands import passphrase

                if arguments.platform:
                    raise ConfigurationError("--platform", "has no meaning with --passphrase")
                return passphrase.run(environ, arguments.config)
            from order_skills.commands import init

            return init.run(
                environ, arguments.config, arguments.platform, replace=arguments.replace
            )
        case "doctor":
            from order_skills.commands import doctor

            return doctor.run(environ, arguments.config)
        case name if name in _LARGER:
            module = import_module(f"order_skills.commands.{name}")
            return int(module.run(environ, arguments))
        case _:
            from order_skills.commands import host_config

            return host_config.run(environ, arguments.config, arguments.host)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    from order_skills.commands import HOSTS
    from order_skills.settings_platforms import PLATFORMS

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
    for name, about in _LARGER.items():
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


def _say(text: str) -> None:
    # A path or a name of the environment may hold what steers a terminal.
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    print(f"order-skills: {line}", file=sys.stderr)


def _never_fail_to_print() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number.
            stream.reconfigure(errors="backslashreplace")
