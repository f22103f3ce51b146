"""The forecast: how many builds the writes of a plan start, and how long such builds took."""

from reconciler.core.builds import Build, Result
from reconciler.core.forecast import WAVE, BuildForecast, Durations, make_forecast
from reconciler.core.steps import Action, Reason, ReasonCode, Step

T0 = 1_700_000_000.0


def write(name: str, action: Action = Action.UPDATE) -> Step:
    return Step(repository=name, id=f"id-{name}", action=action, reason=Reason(code=ReasonCode.DIFFERS), place=None)


def build(name: str, started: float | None, took: float | None = 60.0, result: Result = Result.SUCCESS) -> Build:
    ended = None if started is None or took is None else started + took
    return Build(id=f"{name}-{started}", repository_id=f"id-{name}", started=started, ended=ended, result=result)


def test_every_active_tag_is_a_build() -> None:
    found = make_forecast([write("a"), write("b")], {"id-a": 4, "id-b": 13, "id-c": 100}, [])
    assert found == BuildForecast(repositories=2, builds=17)


def test_the_largest_wave_stands_in_where_no_tag_is_named() -> None:
    waves = [build("a", T0 + 60.0 * at) for at in range(3)] + [build("a", T0 + WAVE * 10 + at) for at in range(2)]
    assert make_forecast([write("a")], {"id-a": 0}, waves).builds == 3


def test_a_wave_is_as_long_as_forecast() -> None:
    assert make_forecast([write("a")], {}, [build("a", T0), build("a", T0 + WAVE)]).builds == 2
    assert make_forecast([write("a")], {}, [build("a", T0), build("a", T0 + WAVE + 1)]).builds == 1


def test_what_is_not_known_is_named_and_not_counted() -> None:
    found = make_forecast([write("b"), write("a"), write("c")], {"id-c": 2}, [build("b", None)])
    assert found == BuildForecast(repositories=3, builds=2, unknown=("a", "b"))


def test_durations_are_those_of_successful_builds_of_what_is_written() -> None:
    builds = [
        build("a", T0, 60.0),
        build("a", T0, 100.0),
        build("a", T0, 570.0),
        build("a", T0, 5.0, Result.FAILURE),
        build("a", T0, None, Result.RUNNING),
        build("b", T0, 9000.0),
    ]
    assert make_forecast([write("a")], {}, builds).durations == Durations(middle=100.0, longest=570.0, of=3)


def test_a_build_that_ends_before_it_starts_took_no_time() -> None:
    assert make_forecast([write("a")], {}, [build("a", T0, -5.0)]).durations == Durations(middle=0.0, longest=0.0, of=1)


def test_a_creation_counts_as_what_it_is_made_from() -> None:
    made = Step(
        repository="new",
        id="id-a",
        action=Action.CREATE,
        reason=Reason(code=ReasonCode.MISSING, names=("a",)),
        place=None,
    )
    assert make_forecast([made, write("a")], {"id-a": 4}, []) == BuildForecast(repositories=2, builds=8)
