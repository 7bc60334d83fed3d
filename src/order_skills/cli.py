"""The command line: parse, call, print. What a command does is in `order_skills.commands`.

Exit codes: 0 done, 1 it failed, 2 usage or configuration, 130 interrupted. Nothing heavy is
imported before the command that needs it is known, because a host waits for the start.
"""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from order_skills.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from order_skills.quick_start.front import Start

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


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
        if list(argv) == ["serve"]:
            # As hosts start it: there is nothing to parse, and a host waits.
            from order_skills.commands import serve

            return serve.run(os.environ, None, sandbox=False, start=start)
        from order_skills.commands import parser

        return _run(parser.parse(argv), os.environ, start)
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


def _run(arguments: "argparse.Namespace", environ: Mapping[str, str], start: "Start | None") -> int:
    from order_skills.commands.parser import LARGER

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
        case name if name in LARGER:
            module = import_module(f"order_skills.commands.{name}")
            return int(module.run(environ, arguments))
        case _:
            from order_skills.commands import host_config

            return host_config.run(environ, arguments.config, arguments.host)


def _say(text: str) -> None:
    # A path or a name of the environment may hold what steers a terminal.
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    print(f"order-skills: {line}", file=sys.stderr)


def _never_fail_to_print() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number.
            stream.reconfigure(errors="backslashreplace")
