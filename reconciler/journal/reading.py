"""Rows of the journal as core values."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from reconciler.core.runs import Run, RunHeader, RunKind, RunState, RunStep
from reconciler.core.state import Organization
from reconciler.journal import outcomes, progress
from reconciler.planfile.fields import Malformed
from reconciler.planfile.steps import decode_step

_RUN = (
    "SELECT id, kind, user, host, tool_version, api, organization_id, organization_name, source, pid,"
    " started, ended, exit_code, interrupted FROM run"
)
_STEPS = "SELECT body, repository_id, since, intended_at, outcome, progress FROM step WHERE run = ? ORDER BY number"


def all_runs(connection: sqlite3.Connection, is_running: Callable[[str], bool]) -> tuple[Run, ...]:
    """Every run, the newest first; raises `Malformed` for rows that nobody here wrote."""
    rows = connection.execute(f"{_RUN} ORDER BY started DESC, rowid DESC").fetchall()
    return tuple(_run(connection, row, is_running) for row in rows)


def one_run(connection: sqlite3.Connection, id_: str, is_running: Callable[[str], bool]) -> Run:
    """One run by its whole id; raises `Malformed`."""
    return _run(connection, connection.execute(f"{_RUN} WHERE id = ?", (id_,)).fetchone(), is_running)


def _run(connection: sqlite3.Connection, row: tuple[Any, ...], is_running: Callable[[str], bool]) -> Run:
    id_, kind, user, host, tool, api, org_id, org_name, source, pid, started, ended, exit_code, interrupted = row
    try:
        header = RunHeader(
            kind=RunKind(kind),
            user=user,
            host=host,
            tool_version=tool,
            api=api,
            organization=Organization(id=org_id, name=org_name),
            source=source,
            pid=pid,
        )
    except ValueError as error:
        raise Malformed(str(error)) from None
    return Run(
        id=id_,
        header=header,
        started=started,
        ended=ended,
        exit_code=exit_code,
        state=_state(id_, ended, is_running, interrupted=bool(interrupted)),
        steps=tuple(_step(one) for one in connection.execute(_STEPS, (id_,))),
    )


def _state(id_: str, ended: float | None, is_running: Callable[[str], bool], *, interrupted: bool) -> RunState:
    if ended is not None:
        return RunState.INTERRUPTED if interrupted else RunState.ENDED
    return RunState.RUNNING if is_running(id_) else RunState.CRASHED


def _step(row: tuple[Any, ...]) -> RunStep:
    body, repository_id, since, intended_at, outcome, known = row
    step = decode_step(_loaded(body))
    return RunStep(
        step=step,
        repository_id=repository_id,
        since=since,
        intended_at=intended_at,
        outcome=None if outcome is None else outcomes.decode(_loaded(outcome), step),
        progress=None if known is None else progress.decode(_loaded(known), step),
    )


def _loaded(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Malformed(str(error)) from None
    if not isinstance(found, dict):
        raise Malformed("a row is no object")
    return found
