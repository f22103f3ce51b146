"""Asking a place for a token: repeated while it is only busy, and read as JSON. Which place, and for what, is not here.

To ask for a token changes nothing, so that asking again is safe whatever became of the first time.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.api.call import Reply
from reconciler.api.credentials.line import Broken, Request, Send
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.timing import Timing, chance
from reconciler.api.token import sendable
from reconciler.api.wording import body_text, clean

_BUSY = frozenset({502, 503, 504})
_TRIES = 4
_FIRST_PAUSE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No token came; `why` is fit for a message."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """How this run asks: the line, the clock, the secrets to hide, and the luck that spreads the pauses."""

    send: Send
    timing: Timing
    secrets: Secrets
    luck: Callable[[], float] = chance

    def ask(self, request: Request) -> dict[str, object] | Refused:
        """The JSON object that the place answers with."""
        self.secrets.remember(request.bearer)
        answer = self._patiently(request)
        if isinstance(answer, Broken):
            return Refused(why=clean(f"{request.place.root} cannot be reached: {answer.reason}"))
        if answer.status != 200:  # noqa: PLR2004 - the one status of success that these places have
            return Refused(why=f"{clean(request.place.root)} answered {self._told(answer)}")
        # The body of a success holds a token: nothing of it is ever shown.
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        return document if isinstance(document, dict) else Refused(why=f"{clean(request.place.root)} answered no JSON")

    def secret(self, document: dict[str, object], key: str, request: Request) -> str | Refused:
        """The token in an answer, hidden from now on."""
        value = document.get(key)
        if isinstance(value, str) and value.strip():
            self.secrets.remember(value)
            if sendable(value.strip()):
                return value.strip()
        return Refused(why=f'{clean(request.place.root)} answered without a usable "{key}"')

    def _patiently(self, request: Request) -> Reply | Broken:
        answer = self.send(request)
        for number in range(_TRIES - 1):
            if (isinstance(answer, Reply) and answer.status not in _BUSY) or self.timing.stopped():
                break
            self.timing.sleep(_FIRST_PAUSE * 2.0**number * (0.5 + self.luck()))
            answer = self.send(request)
        return answer

    def _told(self, answer: Reply) -> str:
        if 300 <= answer.status < 400:  # noqa: PLR2004 - the class of redirects
            return f"HTTP {answer.status}, a redirect: it is not followed, so that the token stays here"
        said = clean(self.secrets.hide(body_text(answer.body)))
        return f"HTTP {answer.status}{': ' if said else ''}{said}"
