"""A week of a repository with manifests, from a pull request over a runner that dies to drift and back."""

import json
import subprocess
from collections import Counter
from typing import Any

from reconciler.emulator import Emulator
from reconciler.journal.owner_lock import LEASE
from tests.support.code_host import CodeHostServer
from tests.support.crashing import WRITES
from tests.support.runner import Ran, Runner

NAMES = ("custom-nginx", "custom-redis", "orders-api")
DAY = 86_400.0


class Week:
    """The working folder as a Git repository, and the jobs that its events start, each on a machine of its own."""

    def __init__(self, runner: Runner, host: CodeHostServer) -> None:
        self.runner = runner
        runner.environ |= {
            "GITHUB_API_URL": host.url,
            "GITHUB_REPOSITORY": "acme/images",
            "RECONCILER_JOURNAL": f"file:{runner.home / 'journal'}",
        }
        self.git("init", "-q", "-b", "main")
        (runner.workspace / ".gitignore").write_text(".reconciler\ntarget-branch\n*.log\n", encoding="utf-8")
        self.commit("main", packages="")

    def git(self, *argv: str) -> None:
        identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
        subprocess.run(["git", *identity, *argv], cwd=self.runner.workspace, check=True, capture_output=True)

    def commit(self, branch: str, *, packages: str) -> None:
        """Commit a manifest in which every repository has these packages."""
        if branch != "main":
            self.git("checkout", "-q", "-B", branch)
        entries = "".join(f"  {name}: {{packages: [{packages}]}}\n" for name in NAMES if packages)
        path = self.runner.workspace / "manifests" / "web.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"organization: example.com\nrepositories:\n{entries or '  {}'}\n", encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "-q", "-m", f"Packages: {packages}")

    def job(self, command: str, ref: str, **more: str) -> Ran:
        """Run the action on a machine that knows only what is committed and what the storage holds."""
        self.git("clean", "-ffdxq", "-e", "*.log")
        self.git("worktree", "prune")
        self.git("worktree", "add", "-q", "--detach", "--force", "target-branch", "main")
        self.runner.environ["GITHUB_REF"] = ref
        return self.runner.action(command=command, base="target-branch/manifests", **more)

    def plan(self) -> Ran:
        return self.job("plan", "refs/pull/7/merge")

    def apply(self) -> Ran:
        return self.job("apply", "refs/heads/main", comment="false", arguments="--parallelism 1")

    def drift(self) -> Ran:
        return self.job("drift", "refs/heads/main")

    def writes(self) -> list[str]:
        """The repositories whose writes the API answered."""
        return (self.runner.workspace / WRITES).read_text(encoding="utf-8").split()

    def runs(self) -> list[dict[str, Any]]:
        """The recorded runs, the newest first."""
        ran = self.runner.script(["reconciler history --format json"], {})
        found: list[dict[str, Any]] = json.loads(ran.log)["runs"]
        return found


def test_a_week(runner: Runner, api: Emulator, host: CodeHostServer) -> None:
    week = Week(runner, host)
    _pull_request(week, host)
    runner.clock.time += DAY
    _merge_with_a_lost_runner(week)
    _next_runner(week, api)
    runner.clock.time += 2 * DAY
    _drift(week, api, host)
    runner.clock.time += DAY
    _back(week, api, host)
    assert [run["state"] for run in week.runs()] == ["ended", "ended", "crashed"]


def _pull_request(week: Week, host: CodeHostServer) -> None:
    """One comment, which a second push updates; nothing is recorded."""
    week.commit("change", packages="curl")
    ran = week.plan()
    assert (ran.code, ran.outputs["changes"]) == (0, "3"), ran.log
    first = host.comments[1]
    week.commit("change", packages="curl, jq")
    assert week.plan().code == 0
    assert list(host.comments) == [1]
    assert ("jq" in first, "jq" in host.comments[1]) == (False, True)
    assert not (week.runner.home / "journal").exists()


def _merge_with_a_lost_runner(week: Week) -> None:
    """The runner is lost before the outcome of its second write is recorded."""
    week.git("checkout", "-q", "main")
    week.git("merge", "-q", "--ff-only", "change")
    week.runner.environ["RUNNER_DIES_BEFORE"] = "finished 1"
    died = week.apply()
    del week.runner.environ["RUNNER_DIES_BEFORE"]
    assert (died.code, died.outputs["exit-code"]) == (-9, "")
    assert len(week.writes()) == 2


def _next_runner(week: Week, api: Emulator) -> None:
    """It is refused until the lock of the lost one has expired, then goes on, and writes only what is missing."""
    refused = week.apply()
    assert (refused.code, refused.outputs["exit-code"]) == (5, "5"), refused.log
    week.runner.clock.time += LEASE + 1
    applied = week.apply()
    assert applied.code == 0, applied.log
    assert all(packages(api, name) == ["curl", "jq"] for name in NAMES)
    assert Counter(week.writes()) == dict.fromkeys(NAMES, 1)
    newest, crashed = week.runs()
    assert (newest["state"], newest["counts"]["applied"], crashed["state"]) == ("ended", 1, "crashed")
    assert week.plan().outputs["changes"] == "0"


def _drift(week: Week, api: Emulator, host: CodeHostServer) -> None:
    """Somebody edits a repository by hand: one issue, however often it is looked at."""
    assert (week.drift().code, host.issues) == (0, {})
    api.edit("orders-api", {"contents": {"packages": ["vim"]}})
    for _ in range(2):
        assert week.drift().outputs["exit-code"] == "2"
        assert (list(host.issues), host.closed) == ([1], set())
    assert "orders-api" in host.issues[1]


def _back(week: Week, api: Emulator, host: CodeHostServer) -> None:
    """An apply puts it back, and the issue is closed."""
    assert week.apply().code == 0
    assert packages(api, "orders-api") == ["curl", "jq"]
    assert week.drift().outputs["exit-code"] == "0"
    assert (list(host.issues), host.closed) == ([1], {1})


def packages(api: Emulator, name: str) -> list[str]:
    found: list[str] = api.repository(name)["customOverlay"]["contents"]["packages"]
    return found
