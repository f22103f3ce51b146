"""`reconciler emulator serve` and `reset`: the built-in emulator of the API."""

from reconciler.cli import emulation
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic
from reconciler.emulator import FaultsError, StateError, load_faults, reset, serve


def execute(options: Options, world: Surroundings) -> int:
    """Serve until interrupted, or empty the state."""
    if options.subcommand == "serve":
        _serve(options, world)
    else:
        _reset(options, world)
    return ExitCode.DONE


def _serve(options: Options, world: Surroundings) -> None:
    def on_ready(port: int) -> None:
        host = f"[{options.host}]" if ":" in options.host else options.host
        world.stdout.write(f"serving on http://{host}:{port} (interrupt to stop)\n")
        world.stdout.flush()

    with emulation.in_process(world, options.state or emulation.STATE) as emulator:
        try:
            if options.faults:
                emulator.faults.add(*load_faults(options.faults))
            serve(emulator, options.host, options.port, on_ready)
        except FaultsError as error:
            raise _failed("bad-faults", str(error), "see docs/emulator.md for what a fault looks like") from None
        except ValueError as error:
            raise _failed("not-loopback", str(error), "take 127.0.0.1 or ::1") from None
        except OSError as error:
            summary = f"cannot listen on {options.host} port {options.port}: {error.strerror}"
            raise _failed("cannot-listen", summary, "take another port; --port 0 takes any free one") from None


def _reset(options: Options, world: Surroundings) -> None:
    state = options.state or emulation.STATE
    try:
        emulation.prepare_folder(state)
        reset(state, clock=world.clock.now)
    except StateError as error:
        raise emulation.unusable(state, str(error)) from None
    except OSError as error:
        raise emulation.unusable(state, error.strerror or type(error).__name__) from None
    world.stdout.write("the emulator starts from the beginning\n")


def _failed(code: str, summary: str, hint: str) -> CommandFailed:
    return CommandFailed(Diagnostic(code=code, summary=summary, hint=hint))
