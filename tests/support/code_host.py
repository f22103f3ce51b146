"""GitHub and GitLab on a port of this machine, as far as comments go; it can be told to fail."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from werkzeug import Request, Response
from werkzeug.serving import make_server


@dataclass
class CodeHostServer:
    """The comments by their id, the requests as (method, path, token), and the statuses of the next answers."""

    url: str = ""
    comments: dict[int, str] = field(default_factory=dict)
    issues: dict[int, str] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "") or request.headers.get("Private-Token", "")
        self.requests.append((request.method, request.path, token))
        if self.failures:
            return Response("{}", status=self.failures.pop(0), mimetype="application/json")
        if "/comments" not in request.path and "/notes" not in request.path:
            return self._issue(request)
        if request.method == "GET":
            page, size = int(request.args["page"]), int(request.args["per_page"])
            found = [{"id": id_, "body": body} for id_, body in self.comments.items()]
            return self._json(found[(page - 1) * size : page * size])
        body = json.loads(request.get_data())["body"]
        last = request.path.rpartition("/")[2]
        id_ = int(last) if last.isdecimal() else len(self.comments) + 1
        self.comments[id_] = body
        return self._json({"id": id_, "body": body})

    def _issue(self, request: Request) -> Response:
        """The issues of GitHub and GitLab: a number and a text; what is closed is not listed."""
        number, text = ("iid", "description") if "/projects/" in request.path else ("number", "body")
        if request.method == "GET":
            opened = {id_: body for id_, body in self.issues.items() if id_ not in self.closed}
            return self._json([{number: id_, text: body} for id_, body in opened.items()])
        sent = json.loads(request.get_data())
        last = request.path.rpartition("/")[2]
        id_ = int(last) if last.isdecimal() else len(self.issues) + 1
        if sent.get("state") == "closed" or sent.get("state_event") == "close":
            self.closed.add(id_)
        else:
            self.issues[id_] = sent[text]
        return self._json({number: id_})

    @staticmethod
    def _json(value: object) -> Response:
        return Response(json.dumps(value), mimetype="application/json")


@contextmanager
def code_host() -> Iterator[CodeHostServer]:
    """Serve one."""
    host = CodeHostServer()
    server = make_server("127.0.0.1", 0, Request.application(host.answer), threaded=True)
    host.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
