"""Comments on pull requests of GitHub and merge requests of GitLab: one that is updated, never a second one."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import tenacity

from reconciler.diagnostics import Diagnostic

_ATTEMPTS = 4
_TIMEOUT = httpx.Timeout(30.0)
_LONGEST_PAUSE = 30.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_PER_PAGE = 100
_MOST_PAGES = 50
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class CodeHostError(Exception):
    """The code host did not take a comment; the diagnostic says why and what to do."""

    def __init__(self, summary: str, hint: str, detail: str = "") -> None:
        super().__init__(summary)
        self.diagnostic = Diagnostic(code="comment-not-posted", summary=summary, detail=detail, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """The pull request or merge request to comment on.

    `url` lists and creates its comments, `comment_url` is that of one comment, with `{id}` in it; `headers` hold the
    token. `update` is the method that changes a comment, `longest` the number of characters that one may have.
    """

    url: str
    comment_url: str
    headers: Mapping[str, str]
    update: str
    longest: int


def github(api: str, repository: str, number: int, token: str) -> Discussion:
    """Return a pull request of a repository `owner/name`."""
    base = f"{api.rstrip('/')}/repos/{quote(repository)}/issues"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    return Discussion(
        url=f"{base}/{number}/comments",
        comment_url=f"{base}/comments/{{id}}",
        headers=headers,
        update="PATCH",
        longest=65_536,
    )


def gitlab(api: str, project: str, number: int, headers: Mapping[str, str]) -> Discussion:
    """Return a merge request of a project, by its id or path; `headers` hold the token."""
    base = f"{api.rstrip('/')}/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
    return Discussion(url=base, comment_url=f"{base}/{{id}}", headers=headers, update="PUT", longest=1_000_000)


class CodeHost:
    """Reads and writes the comments of one discussion; closed by leaving its `with` block."""

    def __init__(
        self, discussion: Discussion, context: ssl.SSLContext, *, user_agent: str, sleep: Callable[[float], None]
    ) -> None:
        parts = urlsplit(discussion.url)
        local = parts.hostname in _LOOPBACK
        if parts.scheme != "https" and not local:
            raise CodeHostError("the address of the code host is not https", "use an https address")
        self._discussion = discussion
        self._sleep = sleep
        self._client = httpx.Client(
            verify=context,
            trust_env=not local,
            timeout=_TIMEOUT,
            headers={**discussion.headers, "User-Agent": user_agent},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def put(self, marker: str, text: str) -> str:
        """Update the comment that starts with the marker, else create it; return `created`, `updated` or `unchanged`.

        Raises `CodeHostError`.
        """
        known = next((one for one in self._comments() if str(one.get("body", "")).startswith(marker)), None)
        if known is None:
            self._request("POST", self._discussion.url, json={"body": text})
            return "created"
        # GitLab strips white space at the end.
        if str(known["body"]).rstrip() == text.rstrip():
            return "unchanged"
        url = self._discussion.comment_url.format(id=int(known["id"]))
        self._request(self._discussion.update, url, json={"body": text})
        return "updated"

    def _comments(self) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            answer = self._request("GET", self._discussion.url, params={"per_page": _PER_PAGE, "page": page})
            found = answer if isinstance(answer, list) else []
            yield from (one for one in found if isinstance(one, dict) and str(one.get("id", "")).isdecimal())
            if len(found) < _PER_PAGE:
                return

    def _request(self, method: str, url: str, **more: Any) -> Any:
        """Send a request, again after a failure that may pass; creating is repeated only where nothing was taken."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(max=_LONGEST_PAUSE),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Passing)),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, url, **more)
        except _Passing as error:
            raise CodeHostError(str(error), "run the command again later") from None

    def _once(self, method: str, url: str, **more: Any) -> Any:
        creates = method == "POST"
        try:
            response = self._client.request(method, url, **more)
        except httpx.ConnectError as error:
            raise _Passing(f"cannot reach the code host: {error}") from None
        except httpx.HTTPError as error:
            problem = f"the code host did not answer: {type(error).__name__}"
            # A comment may have been created.
            raise (CodeHostError(problem, "check the pull request") if creates else _Passing(problem)) from None
        refused = response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if refused or (response.status_code in _PASSING and not creates):
            raise _Passing(f"the code host answered {response.status_code}")
        if not response.is_success:
            raise _refused(response)
        try:
            return response.json()
        except ValueError:
            raise CodeHostError("the code host did not answer with JSON", "check its address") from None


class _Passing(Exception):  # noqa: N818 - named as what it is: a failure that may pass
    pass


def _refused(response: httpx.Response) -> CodeHostError:
    summary = f"the code host refused the comment: {response.status_code} {response.reason_phrase}".strip()
    hint = (
        "give the token the permission to write comments (GitHub: `pull-requests: write`; GitLab: scope `api`)"
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
        else "check the address and the number of the pull request"
    )
    return CodeHostError(summary, hint)
