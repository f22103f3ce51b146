"""The forecast of a plan as its part of the public document."""

from typing import Any, assert_never

from reconciler.core.events import Durations, Forecast, Foreseen, Unforeseen


def forecast_document(forecast: Forecast) -> dict[str, Any]:
    """The forecast as plain data; `builds` is null where no number can be said."""
    match forecast:
        case Foreseen(repositories=repositories, builds=builds, unknown=unknown, durations=durations):
            return {
                "repositories": repositories,
                "builds": builds or None,
                "unknown": {"count": len(unknown), "names": list(unknown)},
                "seconds": _seconds(durations),
                "problem": None,
            }
        case Unforeseen(problem=problem):
            return {"repositories": None, "builds": None, "unknown": None, "seconds": None, "problem": problem}
        case _:
            assert_never(forecast)


def _seconds(durations: Durations | None) -> dict[str, Any] | None:
    if durations is None:
        return None
    return {"median": round(durations.middle, 3), "longest": round(durations.longest, 3), "of": durations.of}
