"""The token in use: found once, renewed by one thread for all, kept where a renewal fails."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from reconciler.api.auth.provider import Credentials, TokenAbsent, TokenFailed, TokenFound, TokenResult, fixed
from reconciler.api.auth.token import Token
from reconciler.api.errors import NoToken, TokenRejected
from tests.api.auth.pieces import API, NOW, Time, jwt


def token(name: str, *, ends: float | None = NOW + 3600) -> Token:
    return Token(jwt(name, ends=ends), source="a place")


@dataclass(slots=True)
class Place:
    """A source that gives these answers in order, the last again and again."""

    answers: list[TokenResult]
    renews: bool = True
    name: str = "a place"
    advice: str = "do this"
    asked: list[Token | None] = field(default_factory=list)

    def fetch(self, rejected: Token | None = None) -> TokenResult:
        self.asked.append(rejected)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def held(*answers: TokenResult, renews: bool = True, time: Time | None = None) -> tuple[Credentials, Place]:
    place = Place(list(answers), renews=renews)
    clock = time or Time()
    return Credentials([place], api=API, now=lambda: clock.now), place


def found(name: str, *, ends: float | None = NOW + 3600) -> TokenFound:
    return TokenFound(token=token(name, ends=ends))


def test_nothing_is_looked_for_before_it_is_needed_and_then_once() -> None:
    credentials, place = held(found("a"))
    assert place.asked == []
    assert repr(credentials) == "Credentials(source='nowhere')"
    assert [credentials.token() for _ in range(3)] == [token("a")] * 3
    assert place.asked == [None]
    assert repr(credentials) == "Credentials(source='a place')"


def test_sources_are_asked_in_order() -> None:
    places = [Place([TokenAbsent(why="nothing here")]), Place([found("b")]), Place([found("c")])]
    assert Credentials(places, api=API).token() == token("b")
    assert [len(place.asked) for place in places] == [1, 1, 0]


def test_one_that_fails_ends_the_search() -> None:
    failure = TokenFailed(code="x", summary="it failed", why="because", hint="mend it")
    places = [Place([TokenAbsent(why="nothing here")]), Place([failure]), Place([found("c")])]
    with pytest.raises(TokenRejected) as caught:
        Credentials(places, api=API).token()
    diagnostic = caught.value.diagnostic
    assert (diagnostic.code, diagnostic.summary, diagnostic.hint) == ("x", "it failed", "mend it")
    assert diagnostic.detail == "because (tried before: a place: nothing here)"
    assert places[2].asked == []


def test_a_search_that_failed_is_not_repeated() -> None:
    credentials, place = held(TokenAbsent(why="nothing here"), found("b"))
    for _ in range(3):
        with pytest.raises(NoToken):
            credentials.token()
    assert len(place.asked) == 1
    assert credentials.renew(token("x")) is None


def test_it_is_renewed_a_minute_before_it_ends() -> None:
    time = Time()
    credentials, place = held(found("a", ends=NOW + 100), found("b"), time=time)
    assert credentials.token() == token("a", ends=NOW + 100)
    time.now = NOW + 39
    assert credentials.token() == token("a", ends=NOW + 100)
    time.now = NOW + 40
    assert credentials.token() == token("b")
    assert place.asked == [None, token("a", ends=NOW + 100)]


@pytest.mark.parametrize(
    "answer",
    [
        TokenAbsent(why="gone"),
        TokenFailed(code="x", summary="x", why="gone", hint=""),
        found("a", ends=NOW + 30),
        found("b", ends=NOW + 31),
    ],
)
def test_a_renewal_that_brings_nothing_better_waits_before_the_next(answer: TokenResult) -> None:
    time = Time()
    credentials, place = held(found("a", ends=NOW + 30), answer, time=time)
    for _ in range(5):
        assert credentials.token().expires in (NOW + 30, NOW + 31)
    assert len(place.asked) == 2
    time.now += 15
    credentials.token()
    assert len(place.asked) == 3


@pytest.mark.parametrize("ends", [NOW + 1, NOW - 1, None])
def test_a_source_that_cannot_renew_is_not_asked(ends: float | None) -> None:
    credentials, place = held(found("a", ends=ends), found("b"), renews=False)
    for _ in range(2):
        assert credentials.token() == token("a", ends=ends)
    assert credentials.renew(token("a", ends=ends)) is None
    assert (len(place.asked), credentials.renewable, credentials.renewal_problem) == (1, False, "")


def test_a_token_that_does_not_tell_its_end_is_kept() -> None:
    credentials, place = held(found("a", ends=None), found("b"))
    assert credentials.token() == credentials.token() == token("a", ends=None)
    assert len(place.asked) == 1


def test_after_a_rejection() -> None:
    credentials, place = held(found("a"), found("b"), found("c"))
    first = credentials.token()
    assert credentials.renew(first) == token("b")
    assert credentials.renew(first) == token("b"), "who comes late gets the renewed one"
    assert credentials.token() == token("b")
    assert credentials.renew(token("b")) == token("c")
    assert place.asked == [None, token("a"), token("b")]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (TokenAbsent(why="gone"), "a place: gone"),
        (TokenFailed(code="x", summary="x", why="broken", hint=""), "a place: broken"),
        (found("a"), "a place returned the same token"),
    ],
)
def test_a_rejected_token_is_given_up_once(answer: TokenResult, problem: str) -> None:
    credentials, place = held(found("a"), answer)
    for _ in range(3):
        assert credentials.renew(credentials.token()) is None
    assert len(place.asked) == 2
    assert credentials.renewal_problem == problem


def test_twenty_threads_share_one_search_and_one_renewal() -> None:
    entered = threading.Barrier(20, timeout=20)
    credentials, place = held(found("a"), found("b"), found("c"))

    def work(_: int) -> tuple[Token, Token | None]:
        entered.wait()
        first = credentials.token()
        entered.wait()
        return first, credentials.renew(first)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(work, range(20))) == [(token("a"), token("b"))] * 20
    assert len(place.asked) == 2


def test_every_token_that_was_ever_used_is_hidden() -> None:
    credentials, _ = held(
        TokenFound(token=Token("first-one", source="x")), TokenFound(token=Token("first-one-2", source="x"))
    )
    credentials.renew(credentials.token())
    shown = credentials.secrets.hide("first-one, first-one-2, eyJhbGciOi.x.y and eyJ")
    assert shown == "[token], [token], [token] and eyJ"
    assert "first" not in repr(credentials.secrets)


def test_a_fixed_one() -> None:
    credentials = fixed(Token("emulator", source="the emulator"))
    assert credentials.renew(credentials.token()) is None
    assert (credentials.source, credentials.advice) == ("the emulator", "provide another token")
