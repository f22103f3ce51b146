"""Every fault of the API through the whole command line: the exit code, what the user reads, what is live afterwards.

The faults are data, played by the emulator; waiting costs nothing, as the clock moves by it. What is in the tables:
each error status of the API, a balancer's page in its place, broken and garbled answers, each for reads and for writes,
passing and lasting, and each write that is in doubt twice, as one that took effect and one that did not.
"""

from dataclasses import dataclass

import pytest

from reconciler.emulator import Delay, Drop, Edit, EmulatorSettings, Fault, Garble, Respond, Status, When
from tests.support.program import Program, Result, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
RESET = "organization: example.com\nrepositories: {legacy-php: {reset: true}}\n"
QUIET = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
LISTS = "^/registry/v[12]/repos$"
WRITES = {"v1": "PUT", "v2": "PATCH"}
Effect = Status | Drop | Garble
ASKED_AGAIN = "trying again in"


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = QUIET
    write_manifest(ONE)


def live(program: Program, name: str = "custom-nginx") -> list[str]:
    with program.emulator() as emulator:
        overlay = emulator.repository(name)["customOverlay"]
        return list(overlay["contents"]["packages"]) if overlay else []


def sent(result: Result) -> int:
    """How many writes were sent, as `--debug` tells."""
    return int(result.err.rpartition("requests: ")[2].split()[2])


def speaks(result: Result, *words: str) -> None:
    said = result.out + result.err
    assert "Traceback" not in said
    assert "internal-error" not in said
    for word in words:
        assert word in said


LASTING_READS: dict[str, tuple[Effect, int, list[str], bool]] = {
    "400": (Status(status=400, message="bad filter"), 1, ["rejected by the API", "bad filter"], False),
    "401": (Status(status=401), 8, ["the API rejected the token"], False),
    "403": (Status(status=403, message="no"), 1, ["repo.list"], False),
    "404": (Status(status=404, message="gone"), 1, ["not found, or not visible to the token", "gone"], False),
    "409": (Status(status=409, message="aborted"), 1, ["rejected by the API", "aborted"], False),
    "429": (Status(status=429), 1, ["rate limited by the API", "429"], True),
    "429 with a wait": (Status(status=429, retry_after="7"), 1, ["rate limited by the API", "in 7 s"], True),
    "429 with a long wait": (Status(status=429, retry_after="3600"), 1, ["try again in 3600 s"], False),
    "500": (Status(status=500, message="oops"), 1, ["500", "oops"], True),
    "502": (Status(status=502, html=True), 1, ["502", "an HTML page"], True),
    "503": (Status(status=503, message="later"), 1, ["503", "later"], True),
    "503, a page": (Status(status=503, html=True), 1, ["503", "an HTML page"], True),
    "504": (Status(status=504, html=True), 1, ["504", "an HTML page"], True),
    "dropped before": (Drop(), 1, ["the connection closed before the response was complete"], True),
    "dropped after": (Drop(when="after"), 1, ["the connection closed before the response was complete"], True),
    "no JSON": (Garble(), 1, ["cannot parse the response", "not a JSON object"], False),
    "half of the JSON": (Garble(truncated=True), 1, ["cannot parse the response", "not a JSON object"], False),
}


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
@pytest.mark.parametrize("case", LASTING_READS)
@pytest.mark.parametrize("version", WRITES)
def test_a_list_that_fails_ends_the_command(program: Program, command: list[str], case: str, version: str) -> None:
    effect, code, words, repeated = LASTING_READS[case]
    write_manifest(RESET)
    before = live(program, "legacy-php")
    program.play(Fault(effect=effect, path=LISTS, times=None))
    result = program.run(*command, "--debug", "--api-version", version)
    assert result.code == code, result.err
    speaks(result, *words)
    assert result.out == "", "nothing is planned from half an answer"
    assert (ASKED_AGAIN in result.err) is repeated
    assert sent(result) == 0
    assert live(program, "legacy-php") == before != []


PASSING: dict[str, Effect] = {
    "429": Status(status=429),
    "429 with a wait": Status(status=429, retry_after="7"),
    "502": Status(status=502, html=True),
    "503": Status(status=503),
    "504": Status(status=504, html=True),
    "dropped before": Drop(),
    "dropped after": Drop(when="after"),
}


@pytest.mark.parametrize("case", PASSING)
@pytest.mark.parametrize("path", ["groups", LISTS, ""])
def test_a_fault_of_reads_that_passes(program: Program, case: str, path: str) -> None:
    usual = program.run("plan").out
    program.play(Fault(effect=PASSING[case], method="GET", path=path, times=2))
    result = program.run("plan")
    assert (result.code, result.out) == (0, usual)
    assert result.err.count(ASKED_AGAIN) == 2
    assert "(2 of 6)" in result.err
    program.play(Fault(effect=PASSING[case], method="GET", path=path, times=2))
    assert program.run("apply", "--yes").code == 0
    assert live(program) == ["curl"]


def test_the_wait_that_the_server_asks_for_is_kept(program: Program) -> None:
    program.play(Fault(effect=Status(status=429, retry_after="7"), path=LISTS))
    program.run("plan")
    assert program.clock.waits[0] == 7.0


def test_an_answer_that_comes_late_is_not_a_fault(program: Program) -> None:
    program.play(Fault(effect=Delay(seconds=0.0), times=None))
    result = program.run("plan")
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("format_", ["text", "json"])
def test_retries_are_reported_on_standard_error_alone(program: Program, format_: str) -> None:
    program.play(Fault(effect=Status(status=503), path=LISTS))
    result = program.run("apply", "--yes", "--no-wait", "--format", format_)
    assert result.code == 0
    (line,) = [line for line in result.err.splitlines() if ASKED_AGAIN in line]
    assert line.startswith('warning: could not list the repositories of "example.com": 503, unavailable; trying')
    assert ASKED_AGAIN not in result.out


def test_retries_are_reported_above_the_live_table(program: Program) -> None:
    program.play(Fault(effect=Status(status=503), path="buildreports", nth=2))
    result = program.run("apply", answer="yes\n")
    assert result.code == 0
    (line,) = [line for line in result.err.splitlines() if ASKED_AGAIN in line]
    assert 'could not list the builds of "example.com": 503, unavailable' in line


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a fault of a write comes to."""

    effect: Effect
    code: int
    live: bool
    sent: int
    times: int | None = 1
    words: tuple[str, ...] = ()


def _doubtful(name: str, before: Effect, after: Effect) -> dict[str, Written]:
    """One fault that leaves a write in doubt: it took effect or not, and the fault passes or lasts."""
    settled = ("confirmed by reading again",)
    still = ("the write did not take effect",)
    return {
        f"{name}, took effect": Written(effect=after, code=0, live=True, sent=1, words=settled),
        f"{name}, took effect, lasts": Written(effect=after, code=0, live=True, sent=1, times=None, words=settled),
        f"{name}, did not": Written(effect=before, code=0, live=True, sent=2),
        f"{name}, did not, lasts": Written(effect=before, code=3, live=False, sent=2, times=None, words=still),
    }


BROKEN_WRITES = {
    **_doubtful("500", Status(status=500), Status(status=500, when="after")),
    **_doubtful("502", Status(status=502, html=True), Status(status=502, html=True, when="after")),
    **_doubtful("503", Status(status=503), Status(status=503, when="after")),
    **_doubtful("504", Status(status=504, html=True), Status(status=504, html=True, when="after")),
    **_doubtful("dropped", Drop(), Drop(when="after")),
    "no JSON": Written(effect=Garble(), code=0, live=True, sent=1),
    "half of the JSON": Written(effect=Garble(truncated=True), code=0, live=True, sent=1),
    "400": Written(
        effect=Status(status=400, message="bad"), code=3, live=False, sent=1, words=("rejected by the API", "bad")
    ),
    "401": Written(effect=Status(status=401), code=8, live=False, sent=1, words=("the API rejected the token",)),
    "403": Written(effect=Status(status=403), code=3, live=False, sent=1, words=("repo.update", "custom-nginx")),
    "404": Written(
        effect=Status(status=404), code=3, live=False, sent=1, words=("not found, or not visible to the token",)
    ),
    "409": Written(effect=Status(status=409, message="busy"), code=3, live=False, sent=1, words=("busy",)),
    "429": Written(effect=Status(status=429), code=0, live=True, sent=3, times=2, words=(ASKED_AGAIN,)),
    "429 with a wait": Written(
        effect=Status(status=429, retry_after="9"), code=0, live=True, sent=2, words=("trying again in 9 s (2 of 6)",)
    ),
    "429, lasts": Written(
        effect=Status(status=429), code=3, live=False, sent=6, times=None, words=("rate limited by the API",)
    ),
    "429 with a long wait": Written(
        effect=Status(status=429, retry_after="3600"), code=3, live=False, sent=1, words=("try again in 3600 s",)
    ),
}


@pytest.mark.parametrize("case", BROKEN_WRITES)
@pytest.mark.parametrize("version", WRITES)
def test_a_write_that_goes_wrong(program: Program, case: str, version: str) -> None:
    expected = BROKEN_WRITES[case]
    program.play(Fault(effect=expected.effect, method=WRITES[version], times=expected.times))
    result = program.run("apply", "--yes", "--no-wait", "--debug", "--api-version", version)
    assert result.code == expected.code, result.out + result.err
    speaks(result, *expected.words)
    assert live(program) == (["curl"] if expected.live else [])
    assert sent(result) == expected.sent


@pytest.mark.parametrize("version", WRITES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_after_which_somebody_else_has_written(program: Program, version: str, when: When) -> None:
    other = {"contents": {"packages": ["vim"]}}
    program.play(
        Fault(effect=Drop(when=when), method=WRITES[version]),
        Fault(effect=Edit(edit="custom-nginx", overlay=other, when="after"), method=WRITES[version]),
        Fault(
            effect=Edit(edit="custom-nginx", overlay=other),
            method="GET",
            path="/repos",
            nth={"v1": 3, "v2": 4}[version],
        ),
    )
    result = program.run("apply", "--yes", "--no-wait", "--debug", "--api-version", version)
    assert result.code == 3
    speaks(result, "contents.packages", "plan again")
    assert live(program) == ["vim"]
    assert sent(result) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_creation_in_doubt(program: Program, when: When) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-new: {source: custom-nginx, packages: [curl]}\n")
    program.play(Fault(effect=Drop(when=when), method="POST", path="/registry/"))
    result = program.run("apply", "--yes", "--no-wait", "--debug")
    assert result.code == 0, result.out + result.err
    assert live(program, "custom-new") == ["curl"]
    assert sent(result) == (1 if when == "after" else 2)


LASTING_LOOKS: dict[str, tuple[Effect, int, list[str]]] = {
    "403": (Status(status=403), 7, ["the token is not allowed to list the builds"]),
    "503": (Status(status=503, html=True), 7, ["503"]),
    "garbled": (Garble(), 7, ["cannot parse the response"]),
    "401": (Status(status=401), 8, ["the API rejected the token"]),
}


@pytest.mark.parametrize("case", LASTING_LOOKS)
def test_builds_that_cannot_be_looked_at(program: Program, case: str) -> None:
    effect, code, words = LASTING_LOOKS[case]
    program.play(Fault(effect=effect, path="buildreports", times=None))
    result = program.run("apply", "--yes", "--wait-timeout", "5m")
    assert result.code == code
    speaks(result, *words)
    assert live(program) == ["curl"]


def test_a_cap_on_the_rate(program: Program) -> None:
    began = program.clock.now()
    assert program.run("plan", "--max-rps", "0.5", "--no-resolve").code == 0
    assert program.clock.now() - began == pytest.approx(10.0)


@pytest.mark.parametrize("written", ["0", "-1", "fast", "inf", "nan", ""])
def test_a_cap_that_is_none(program: Program, written: str) -> None:
    result = program.run("plan", "--max-rps", written)
    assert result.code == 64
    assert "--max-rps" in result.err


def test_several_writers_slow_down_together(program: Program) -> None:
    names = ["custom-nginx", "orders-api", "custom-go", "custom-python"]
    entries = "".join(f"  {name}: {{environment: {{A: b}}}}\n" for name in names)
    write_manifest(f"organization: example.com\nrepositories:\n{entries}")
    program.play(Fault(effect=Status(status=429, retry_after="5"), method="PATCH", times=4))
    result = program.run("apply", "--yes", "--no-wait", "--debug")
    assert result.code == 0, result.out + result.err
    assert sent(result) == 8
    with program.emulator() as emulator:
        for name in names:
            assert emulator.repository(name)["customOverlay"]["environment"]["A"] == "b"


def test_every_effect_of_the_emulator_is_in_a_table() -> None:
    written = {type(row.effect) for row in BROKEN_WRITES.values()}
    read = {type(row[0]) for row in LASTING_READS.values()}
    assert written == read == {Status, Drop, Garble}
    statuses = {row[0].status for row in LASTING_READS.values() if isinstance(row[0], Status)}
    assert statuses == {400, 401, 403, 404, 409, 429, 500, 502, 503, 504}
    tried = {row.effect.status for row in BROKEN_WRITES.values() if isinstance(row.effect, Status)}
    assert tried == statuses


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (Status(status=403, html=True), "answered HTTP 403, an HTML page"),
        (Respond(body="please log in"), "cannot parse the response: HTTP 200, but the body is not a JSON object"),
        (Status(status=408, html=True), "answered HTTP 408"),
    ],
)
def test_a_write_that_something_else_answered_says_what_was_answered_and_what_is_known(
    program: Program, effect: Status | Respond, said: str
) -> None:
    program.play(*(Fault(effect=effect, method=method, times=None) for method in ("PUT", "PATCH")))
    result = program.run("apply", "--yes")
    assert result.code == 3
    assert "the write did not take effect" in result.out
    assert said in result.out
    assert "lost" not in result.out + result.err
