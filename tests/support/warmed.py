"""Imports the whole program and runs it once, for a process from which others are forked: they find all it keeps."""

import gc
import importlib
import pkgutil
import tempfile
import threading
from contextlib import chdir
from pathlib import Path

from tests.support.program import Program, write_manifest

_PACKAGES = ("cli.commands", "views", "api", "journal", "engine", "manifest", "emulator")
_MANIFEST = """\
organization: example.com
overlays: {tools: {packages: [jq]}}
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {overlays: {tools: dev}}
"""


def _warm() -> None:
    for package in [importlib.import_module(f"reconciler.{name}") for name in _PACKAGES]:
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        write_manifest(_MANIFEST)
        written = [f"--format={name}=result.{name}" for name in ("json", "html")]
        assert Program().run("plan", "--format=github", *written).code == 0
        # Without a shared journal, whose client starts threads of its own: forks would wait for them forever.
        assert Program().run("apply", "--yes", "--format=github", *written).code == 0
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        thread.join()  # it is ending
    tasks = Path("/proc/self/task")
    assert not tasks.is_dir() or len(list(tasks.iterdir())) == 1, "a fork has one thread of its process alone"
    gc.collect()
    gc.freeze()  # a collection would copy what the forks share


_warm()
