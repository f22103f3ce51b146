"""The commit and the job of a CI system, from the variables that it sets; without them nothing is known."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from urllib.parse import quote

from reconciler.views.document import Provenance

_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
# No user, no query, nothing that ends an attribute.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
# Systems whose commit is told, and whose pages are not known from variables alone.
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "CIRCLE_SHA1", "GIT_COMMIT")


def provenance(environ: Mapping[str, str], made: float) -> Provenance:
    """Return where a page comes from that is made now, in seconds since the epoch, from the manifests checked out."""
    for read in (_github, _gitlab):
        found = read(environ, made)
        if found is not None:
            return found
    commits = (environ.get(name, "") for name in _COMMITS)
    return Provenance(made=made, commit=next((sha for sha in commits if _SHA.fullmatch(sha)), ""))


def _github(environ: Mapping[str, str], made: float) -> Provenance | None:
    server, repository, sha, run = (
        environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA", "RUN_ID")
    )
    if not (_ADDRESS.fullmatch(server) and _REPOSITORY.fullmatch(repository) and _SHA.fullmatch(sha)):
        return None
    base = f"{server.rstrip('/')}/{repository}"
    return Provenance(
        made=made,
        commit=sha,
        commit_url=f"{base}/commit/{sha}",
        job_url=f"{base}/actions/runs/{run}" if run.isdecimal() else "",
        file_url=_file_url(f"{base}/blob/{sha}", environ.get("GITHUB_WORKSPACE", "")),
    )


def _gitlab(environ: Mapping[str, str], made: float) -> Provenance | None:
    base, sha, job = (environ.get(name, "") for name in ("CI_PROJECT_URL", "CI_COMMIT_SHA", "CI_JOB_URL"))
    if not (_ADDRESS.fullmatch(base) and _SHA.fullmatch(sha)):
        return None
    base = base.rstrip("/")
    return Provenance(
        made=made,
        commit=sha,
        commit_url=f"{base}/-/commit/{sha}",
        job_url=job if _ADDRESS.fullmatch(job) else "",
        file_url=_file_url(f"{base}/-/blob/{sha}", environ.get("CI_PROJECT_DIR", "")),
    )


def _file_url(base: str, root: str) -> Callable[[str, int], str]:
    """Return the function from a file and its line to its page; files outside the checkout at `root` have none."""
    in_checkout = _path_below(root)

    def file_url(file: str, line: int) -> str:
        path = in_checkout(file)
        return f"{base}/{quote(path, errors='surrogatepass')}#L{line}" if path else ""

    return file_url


def checkout_path(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function from a file to its path in the checkout of the CI system, else in the current folder."""
    return _path_below(environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR") or "")


def _path_below(root: str) -> Callable[[str], str]:
    top = os.path.realpath(root or ".")

    def below(file: str) -> str:
        path = PurePath(os.path.abspath(file))  # noqa: PTH100 - it does not look at the disk
        return path.relative_to(top).as_posix() if path.is_relative_to(top) else ""

    return below
