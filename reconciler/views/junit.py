"""Builds as a JUnit report: a suite for each repository, a case for each build. CI systems show them as tests."""

import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

from reconciler.core.builds import Result
from reconciler.views.text import plain

# Characters that XML cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(builds: Iterable[dict[str, Any]]) -> str:
    """Return the report of build documents, each with its `repository`; a build that is not over is skipped."""
    by_repository: dict[str, list[dict[str, Any]]] = {}
    for build in builds:
        by_repository.setdefault(str(build["repository"]), []).append(build)
    suites = ET.Element("testsuites", name="reconciler builds")
    for repository in sorted(by_repository):
        found = by_repository[repository]
        suite = ET.SubElement(suites, "testsuite", name=_text(repository), tests=str(len(found)))
        for build in found:
            _case(suite, repository, build)
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
        suite.set("time", f"{sum(build['seconds'] or 0.0 for build in found):.3f}")
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, repository: str, build: dict[str, Any]) -> None:
    name = ", ".join(build.get("tags") or ()) or build["digest"] or build["id"]
    case = ET.SubElement(
        suite, "testcase", classname=_text(repository), name=_text(name), time=f"{build['seconds'] or 0.0:.3f}"
    )
    missing = build.get("missing") or ()
    if build["result"] == Result.FAILURE:
        ET.SubElement(case, "failure", message=f"build {build['id']} failed")
    elif missing:
        ET.SubElement(case, "failure", message=_text(f"the image lacks {', '.join(missing)}"))
    elif build["result"] != Result.SUCCESS:
        ET.SubElement(case, "skipped", message=f"build {build['id']}: {build['result']}")
    if build["warnings"]:
        ET.SubElement(case, "system-out").text = _text("\n".join(build["warnings"]))


def _text(text: str) -> str:
    return _NOT_XML.sub("?", "\n".join(map(plain, text.split("\n"))))
