"""Library interface for other programs: read a manifest, read the live state, and compare the two.

The package `reconciler` offers these names; everything else may change without notice. Nothing here writes: an apply
needs the lock, the journal and the confirmation of the command line.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from reconciler import manifest as manifests
from reconciler.api import API_URL, API_VERSION, ApiVersion
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.sources import find
from reconciler.api.auth.token import Token
from reconciler.api.client import connect
from reconciler.api.errors import ApiError
from reconciler.core import planner
from reconciler.core.binding_rules import binding_problems
from reconciler.core.diff import Change
from reconciler.core.plan import Plan
from reconciler.core.state import Desired, Live
from reconciler.core.steps import Step
from reconciler.diagnostics import Diagnostic, Severity, has_errors

__all__ = [
    "ApiError",
    "Change",
    "Client",
    "Diagnostic",
    "Live",
    "Manifest",
    "ManifestError",
    "Plan",
    "Step",
    "load_manifest",
    "plan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest without errors: the organization that it names, what it asks for, and its warnings."""

    organization: str
    desired: Desired
    warnings: tuple[Diagnostic, ...] = ()


class ManifestError(Exception):
    """A manifest with errors; `problems` are all of its diagnostics, ordered by file, line and column."""

    def __init__(self, problems: tuple[Diagnostic, ...]) -> None:
        errors = [one for one in problems if one.severity is Severity.ERROR]
        super().__init__("\n".join(_line(one) for one in errors))
        self.problems = problems


def load_manifest(path: str | os.PathLike[str], *, organization: str | None = None) -> Manifest:
    """Read a manifest file, or all `*.yaml` and `*.yml` files directly in a folder.

    `organization` takes the place of the one that the manifest names. Raises `ManifestError`.
    """
    desired, problems = manifests.load(Path(path), organization=organization, now=time.time())
    if has_errors(problems) or desired.organization is None:
        raise ManifestError(problems)
    return Manifest(organization=desired.organization, desired=desired, warnings=problems)


def plan(manifest: Manifest, live: Live) -> Plan:
    """Compare a manifest with the live state, as `reconciler plan` does before it asks about packages and builds."""
    found = planner.plan(manifest.desired, live, diagnostics=manifest.warnings)
    return replace(found, diagnostics=(*found.diagnostics, *binding_problems(found, live)))


class Client:
    """The API as far as a plan needs it; sends no write. Use it as a context manager, from any number of threads.

    Without `token` it is taken from `environ`: CHAINGUARD_TOKEN, or the identity of a CI job; chainctl is not run.
    Raises `ApiError` for an address that cannot be used.
    """

    def __init__(
        self,
        url: str = API_URL,
        *,
        token: str | None = None,
        environ: Mapping[str, str] = os.environ,
        api_version: ApiVersion = API_VERSION,
    ) -> None:
        credentials = find(environ, api_url=url) if token is None else fixed(Token(token, source="the caller"))
        self._client = connect(url, credentials, api_version=api_version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def read_live(self, organization: str) -> Live:
        """Read all repositories of an organization or folder, by name, path or UIDP; raises `ApiError`.

        Overlay bindings that cannot be read are unknown.
        """
        live = self._client.read_live(self._client.find_organization(organization))
        return replace(live, bindings=self._client.read_bindings(live.organization))


def _line(problem: Diagnostic) -> str:
    place = problem.place
    return f"{place.file}:{place.line}:{place.column}: {problem.summary}" if place else problem.summary
