"""Eight workers on one organization, each with an owner's repositories, over one shared journal; two are killed.

`RECONCILER_SHARDED=2000 pytest tests/ci/test_scaling.py` takes the size of a large organization.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.soak import SoakRepository, Treatment, plant
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.client import connect
from reconciler.core.overlay import Overlay
from reconciler.emulator import EmulatorSettings, uidp
from reconciler.journal.owner_lock import LEASE
from tests.support.crashing import WRITES
from tests.support.runner import FileClock, Ran, Runner, load
from tests.support.served import served

COUNT = int(os.environ.get("RECONCILER_SHARDED", "24"))
WORKERS = 8
ORGANIZATION = "example.com"
BEFORE = {"contents": {"packages": ["jq"]}}
ARGUMENTS = "--no-wait --no-check --parallelism 2"
NAMES = [f"image-{number:04}" for number in range(COUNT)]


def repository(name: str) -> SoakRepository:
    id_ = uidp.of_child(uidp.of_path(ORGANIZATION), "repo", name)
    return SoakRepository(name=name, id=id_, kind=Treatment.CHANGED, image="python", before=BEFORE, more={})


def owner_of(number: int) -> str:
    return f"team-{number % WORKERS}"


def write_manifests(folder: Path, packages: str) -> None:
    """Write a file for each owner."""
    folder.mkdir(parents=True, exist_ok=True)
    for worker in range(WORKERS):
        entries = [f"  {name}: {{packages: [{packages}]}}" for n, name in enumerate(NAMES) if n % WORKERS == worker]
        head = f"organization: {ORGANIZATION}\nowner: {owner_of(worker)}\nrepositories:\n"
        (folder / f"{owner_of(worker)}.yaml").write_text(head + "\n".join(entries) + "\n", encoding="utf-8")


class Organization:
    """An organization on the emulator, and the machines that work on it, with one shared journal."""

    def __init__(self, folder: Path, url: str, programs: Path) -> None:
        self.folder = folder
        self.url = url
        self.programs = programs

    def machine(self, name: str, packages: str = "jq, curl") -> Runner:
        """A new machine with the manifests checked out."""
        home = self.folder / name
        write_manifests(home / "workspace" / "manifests", packages)
        journal = f"file:{self.folder / 'journal'}"
        environ = {"CHAINGUARD_TOKEN": "anything", "RECONCILER_API": self.url, "RECONCILER_JOURNAL": journal}
        return Runner(home=home, workspace=home / "workspace", programs=self.programs, environ=environ)

    def overlays(self) -> dict[str, Overlay]:
        with connect(self.url, fixed(Token("anything", source="test"))) as client:
            live = client.read_live(client.find_organization(ORGANIZATION))
        return {one.name: one.overlay for one in live.repositories if isinstance(one.overlay, Overlay)}


@contextmanager
def organization(folder: Path, programs: Path) -> Iterator[Organization]:
    folder.mkdir()
    clock = FileClock(folder / "clock")
    plant(folder / "state.db", tuple(map(repository, NAMES)), clock.now())
    with served(clock, EmulatorSettings(automatic_rebuilds=False), folder / "state.db") as (url, _):
        yield Organization(folder, url, programs)


def job_script() -> str:
    """What each pod of the Job of Kubernetes runs."""
    (job,) = load("docs/ci/kubernetes/job.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["bash", "-euc"]
    script: str = container["args"][0]
    return script


def shard(machine: Runner, worker: int, dies_before: str = "") -> Ran:
    """Run one worker of the Job."""
    environ = {"JOB_COMPLETION_INDEX": str(worker), "ARGUMENTS": ARGUMENTS, "RECONCILER_MANIFEST": "manifests"}
    if dies_before:
        environ["RUNNER_DIES_BEFORE"] = dies_before
    return machine.script([job_script()], environ)


def run_all(
    there: Organization, packages: str, dying: dict[int, str], workers: int = WORKERS
) -> dict[int, tuple[Ran, Runner]]:
    """Run the workers at once, each on a machine of its own."""
    machines = [there.machine(f"worker-{worker}", packages) for worker in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        ran = pool.map(lambda worker: shard(machines[worker], worker, dying.get(worker, "")), range(workers))
        return {worker: (one, machines[worker]) for worker, one in enumerate(ran)}


def test_eight_workers_of_which_two_are_killed_come_to_what_one_comes_to(tmp_path: Path, programs: Path) -> None:
    with organization(tmp_path / "many", programs) as many:
        dying = {0: "finished 1", 1: "about_to_write 0"}
        ran = run_all(many, "jq, curl", dying)
        codes = {worker: one.code for worker, (one, _) in ran.items()}
        assert codes == {**dict.fromkeys(range(WORKERS), 0), 0: -9, 1: -9}, [one.log for one, _ in ran.values()]
        # The lock of a killed worker keeps its owner's repositories for a while, and nobody else's.
        later = {worker: many.machine(f"next-{worker}") for worker in dying}
        assert {shard(machine, worker).code for worker, machine in later.items()} == {5}
        for worker, machine in later.items():
            machine.clock.time += LEASE + 1
            again = shard(machine, worker)
            assert again.code == 0, again.log
        machines = [*(machine for _, machine in ran.values()), *later.values()]
        assert written(machines) == Counter(NAMES)
        _check_history(machines[-1])
        found = many.overlays()
    with organization(tmp_path / "one", programs) as one:
        alone = one.machine("alone").script([f"reconciler apply --yes {ARGUMENTS}"], {})
        assert alone.code == 0, alone.log
        assert found == one.overlays()
        assert set(found) == set(NAMES)
        assert all(set(overlay.packages or ()) == {"curl", "jq"} for overlay in found.values())


def test_the_guard_is_judged_on_the_whole(tmp_path: Path, programs: Path) -> None:
    """Each worker alone would take something away from an eighth, which is below the limit."""
    with organization(tmp_path / "many", programs) as many:
        before = many.overlays()
        alone = many.machine("alone", "curl").script([f"reconciler plan --detailed-exitcode --owner {owner_of(0)}"], {})
        assert alone.code == 2, alone.log
        ran = run_all(many, "curl", {}, workers=2)
        assert [one.code for one, _ in ran.values()] == [1, 1]
        assert many.overlays() == before
        assert written([machine for _, machine in ran.values()]) == Counter()


def test_the_job_has_an_owner_for_each_index() -> None:
    (job,) = load("docs/ci/kubernetes/job.yaml")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (job["apiVersion"], job["kind"], spec["completionMode"]) == ("batch/v1", "Job", "Indexed")
    owners = job_script().partition("owners=(")[2].partition(")")[0].split()
    assert owners == [owner_of(worker) for worker in range(WORKERS)]
    assert spec["completions"] == spec["parallelism"] == WORKERS
    # `backoffLimitPerIndex` is refused without it.
    assert pod["restartPolicy"] == "Never"
    mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def written(machines: list[Runner]) -> Counter[str]:
    """The writes that the API answered, on all machines."""
    logs = (machine.workspace / WRITES for machine in machines)
    return Counter(name for log in logs if log.exists() for name in log.read_text(encoding="utf-8").split())


def _check_history(machine: Runner) -> None:
    """Every worker's run is in the one journal, and nothing is told as written twice."""
    runs = json.loads(machine.script(["reconciler history --format json"], {}).log)["runs"]
    assert Counter(run["state"] for run in runs) == {"ended": WORKERS, "crashed": 2}
    applied = sum(run["counts"]["applied"] for run in runs)
    unknown = sum(run["counts"]["unknown"] for run in runs)
    assert applied <= COUNT <= applied + unknown
