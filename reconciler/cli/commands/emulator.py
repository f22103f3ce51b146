"""`reconciler emulator serve` and `reset`: the built-in emulator of the API."""

from pathlib import Path

from reconciler.cli import flags
from reconciler.cli import options as shared
from reconciler.cli.client import STATE, emulator_in_process, prepare_folder, state_unusable
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.diagnostics import plural
from reconciler.emulator import FaultsError, StateError, load_faults, reset, serve


def configure(parser: Parser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="subcommand", metavar="ACTION", parser_class=Parser, required=True)
    serve_ = actions.add_parser(
        "serve",
        help="serve on a loopback port until interrupted",
        description="Serve on a loopback port until interrupted.",
        allow_abbrev=False,
    )
    serve_.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: 127.0.0.1)")
    serve_.add_argument(
        "--port", type=shared.port, default=8080, help="port to listen on; 0 picks a free one (default: 8080)"
    )
    serve_.add_argument("--faults", type=Path, metavar="FILE", help="JSON file of faults to inject")
    reset_ = actions.add_parser(
        "reset",
        help="empty its state",
        description="Empty its state.",
        allow_abbrev=False,
    )
    for action in (serve_, reset_):
        action.add_argument("--state", type=Path, metavar="FILE", help="state file (default: .reconciler/emulator.db)")
        flags.add_common(action)


def execute(options: Options, ctx: Context) -> int:
    """Serve until interrupted, or empty the state."""
    if options.subcommand == "serve":
        _serve(options, ctx)
    else:
        _reset(options, ctx)
    return ExitCode.DONE


def _serve(options: Options, ctx: Context) -> None:
    def on_ready(port: int) -> None:
        host = f"[{options.host}]" if ":" in options.host else options.host
        ctx.stdout.write(f"Serving on http://{host}:{port} (Ctrl-C to stop)\n")
        ctx.stdout.flush()

    with emulator_in_process(ctx, options.state or STATE) as emulator:
        try:
            if options.faults:
                emulator.faults.add(*load_faults(options.faults))
            elif emulator.faults.pending():
                left = plural(len(emulator.faults.pending()), "fault")
                ctx.stderr.write(
                    f"Still active: {left} of an earlier --faults. To clear all state: reconciler emulator reset\n"
                )
            serve(emulator, options.host, options.port, on_ready)
        except FaultsError as error:
            raise CommandFailed("bad-faults", str(error), "see docs/emulator.md for the format") from None
        except ValueError as error:
            raise CommandFailed("not-loopback", str(error), "use 127.0.0.1 or ::1") from None
        except OSError as error:
            summary = f"cannot listen on {options.host} port {options.port}: {error.strerror}"
            raise CommandFailed("cannot-listen", summary, "use another port, or --port 0 for any free one") from None


def _reset(options: Options, ctx: Context) -> None:
    state = options.state or STATE
    try:
        prepare_folder(state)
        reset(state, clock=ctx.clock.now)
    except StateError as error:
        raise state_unusable(state, str(error)) from None
    except OSError as error:
        raise state_unusable(state, error.strerror or type(error).__name__) from None
    ctx.stdout.write("Emulator state emptied.\n")
