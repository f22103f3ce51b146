"""Comments and issues on GitHub and GitLab: one for each marker that is updated, never a second one."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
class Texts:
    """Place of texts that are listed, created and changed: comments of a pull request, or issues of a repository.

    `url` lists and creates them, `item_url` is that of one, with `{id}` in it; `id_key` and `text_key` are the names of
    its id and its text. `headers` hold the token, `update` is the method that changes one, `close` what closes one,
    `longest` the number of characters that a text may have.
    """

    url: str
    item_url: str
    headers: Mapping[str, str]
    update: str
    longest: int
    id_key: str = "id"
    text_key: str = "body"
    close: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)


def github_comments(api: str, repository: str, number: int, token: str) -> Texts:
    """Return the comments of a pull request of a repository `owner/name`."""
    base = f"{api.rstrip('/')}/repos/{quote(repository)}/issues"
    return Texts(
        url=f"{base}/{number}/comments",
        item_url=f"{base}/comments/{{id}}",
        headers=_github_headers(token),
        update="PATCH",
        longest=65_536,
    )


def github_issues(api: str, repository: str, token: str) -> Texts:
    """Return the open issues of a repository `owner/name`."""
    base = f"{api.rstrip('/')}/repos/{quote(repository)}/issues"
    return Texts(
        url=base,
        item_url=f"{base}/{{id}}",
        headers=_github_headers(token),
        update="PATCH",
        longest=65_536,
        id_key="number",
        close={"state": "closed"},
        filters={"state": "open"},
    )


def _github_headers(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}


def gitlab_notes(api: str, project: str, number: int, token: str) -> Texts:
    """Return the notes of a merge request of a project, by its id or path."""
    base = f"{api.rstrip('/')}/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
    return Texts(url=base, item_url=f"{base}/{{id}}", headers={"PRIVATE-TOKEN": token}, update="PUT", longest=1_000_000)


def gitlab_issues(api: str, project: str, token: str) -> Texts:
    """Return the open issues of a project, by its id or path."""
    base = f"{api.rstrip('/')}/projects/{quote(project, safe='')}/issues"
    return Texts(
        url=base,
        item_url=f"{base}/{{id}}",
        headers={"PRIVATE-TOKEN": token},
        update="PUT",
        longest=1_000_000,
        id_key="iid",
        text_key="description",
        close={"state_event": "close"},
        filters={"state": "opened"},
    )


class CodeHost:
    """Reads and writes comments or issues; closed by leaving its `with` block."""

    def __init__(
        self, texts: Texts, context: ssl.SSLContext, *, user_agent: str, sleep: Callable[[float], None]
    ) -> None:
        parts = urlsplit(texts.url)
        local = parts.hostname in _LOOPBACK
        if parts.scheme != "https" and not local:
            raise CodeHostError("the address of the code host is not https", "use an https address")
        self._texts = texts
        self._sleep = sleep
        self._client = httpx.Client(
            verify=context,
            trust_env=not local,
            timeout=_TIMEOUT,
            headers={**texts.headers, "User-Agent": user_agent},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def put(self, marker: str, text: str, *, title: str = "") -> str:
        """Update what starts with the marker, else create it; return `created`, `updated` or `unchanged`.

        Raises `CodeHostError`. An issue has a `title`.
        """
        known, texts = self._find(marker), self._texts
        content = {texts.text_key: text, **({"title": title} if title else {})}
        if known is None:
            self._request("POST", texts.url, json=content)
            return "created"
        # GitLab strips white space at the end.
        if str(known[texts.text_key]).rstrip() == text.rstrip():
            return "unchanged"
        self._request(texts.update, self._item_url(known), json=content)
        return "updated"

    def close_issue(self, marker: str) -> str:
        """Close the issue that starts with the marker; return `closed`, or `not open`. Raises `CodeHostError`."""
        known = self._find(marker)
        if known is None:
            return "not open"
        self._request(self._texts.update, self._item_url(known), json=dict(self._texts.close))
        return "closed"

    def _item_url(self, known: Mapping[str, Any]) -> str:
        return self._texts.item_url.format(id=int(known[self._texts.id_key]))

    def _find(self, marker: str) -> dict[str, Any] | None:
        texts = self._texts
        for page in range(1, _MOST_PAGES + 1):
            params = {**texts.filters, "per_page": _PER_PAGE, "page": page}
            answer = self._request("GET", texts.url, params=params)
            found = answer if isinstance(answer, list) else []
            for one in found:
                if isinstance(one, dict) and str(one.get(texts.text_key) or "").startswith(marker):
                    return one
            if len(found) < _PER_PAGE:
                break
        return None

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
