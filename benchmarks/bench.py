"""Measure how fast the product is, and beside whom: `python -m benchmarks.bench [GROUP ...]`.

Whole processes, each case once a round in turn, so that a machine that slows down affects all alike; medians. Reads are
answered by a small server of ready bytes on loopback, writes and builds by the emulator. Prints the load of the machine
and a Markdown table: only ratios of one run can be compared.
"""

import argparse
import compileall
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[1]
ORGANIZATION = "5ca1ab1e" * 5
PACKAGES = tuple(
    f"{stem}{ending}"
    for stem in [
        "bash",
        "curl",
        "git",
        "jq",
        "krb5",
        "nano",
        "openssl",
        "procps",
        "strace",
        "tini",
        "vim",
        "wget",
        "zstd",
    ]
    for ending in ("", "-dev", "-doc", "-compat", "-static", "-3.2")
)
ADDED = ("helm-3", "kubectl-1.34")


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Live state and a manifest of one size in a folder."""

    folder: Path
    size: int

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def wanted(self) -> Path:
        return self.folder / "wanted.json"

    @property
    def live(self) -> Path:
        return self.folder / "repos.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took: seconds, seconds of CPU, and megabytes at its largest."""

    wall: float
    cpu: float
    peak: float


Command = Sequence[str | Path]
# Several commands of one case take turns, so that each apply has something to change.
Case = Sequence[Command]
Row = Sequence[str]
HEAD = ("what", "beside", "ours, s", "of CPU", "theirs, s", "of CPU", "ratio", "of CPU", "memory, MB")
LATENCY = 0.02


def main() -> int:
    """Measure the chosen groups and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 1_000, 10_000], help="numbers of repositories")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--generate", nargs=3, metavar=("FOLDER", "SIZE", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.generate:
        folder, size, kind = options.generate
        generate(Path(folder), int(size), kind)
    groups = [] if options.serve or options.generate else options.groups or list(GROUPS)
    compileall.compile_dir(ROOT / "reconciler", quiet=2)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(folder=Path(name), rounds=options.rounds, sizes=options.sizes)
        loads = [os.getloadavg()[0]] if groups else []
        rows = [row for group in groups for row in GROUPS[group](bench)]
        loads += [os.getloadavg()[0]] if groups else []
    if rows:
        print(f"Load of the machine ({os.cpu_count()} cores) before and after: {loads[0]:.1f}, {loads[1]:.1f}.\n")
        print(table(HEAD, rows))
    return 0


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


# Data


def generate(folder: Path, size: int, kind: str) -> Data:
    """Write live state and a manifest of `size` repositories, the same each time.

    Ten packages, two variables and two annotations each; one in ten has a readme. One in ten differs from its manifest,
    or with the kind `unlike` every one, each by a variable of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(size)
    live = [_repository(place, dice) for place in range(size)]
    wanted = [_wanted(one, dice, place, kind) for place, one in enumerate(live)]
    names = (*PACKAGES, *ADDED)
    summaries = [{"packageName": one, "latestVersion": "1.0-r0", "architectures": "aarch64, x86_64"} for one in names]
    group = {"id": ORGANIZATION, "name": "example.com", "description": "", "verified": True}
    for name, document in {
        "repos": {"items": live},
        "groups": {"items": [group]},
        "summaries": {"items": summaries, "nextPageToken": ""},
        "wanted": {"repositories": wanted},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    entries = "".join(map(_entry, wanted))
    text = f"organization: example.com\nsettings:\n  max_removal: 100%\nrepositories:\n{entries}"
    (folder / "manifest.yaml").write_text(text, encoding="utf-8")
    return Data(folder=folder, size=size)


def _repository(place: int, dice: random.Random) -> dict[str, Any]:
    team = f"team-{place % 50}"
    overlay = {
        "contents": {"packages": sorted(dice.sample(PACKAGES, 10))},
        "environment": {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "TEAM": team},
        "annotations": {"com.example.owner": f"{team}@example.com", "com.example.centre": str(1000 + place % 97)},
    }
    return {
        "id": f"{ORGANIZATION}/{place:016x}",
        "name": f"custom-image-{place:06d}",
        "description": f"Image of {team}",
        "catalogTier": ("APPLICATION", "BASE", "FIPS")[place % 3],
        "readme": "Built anew each day from source.\n" * 150 if place % 10 == 0 else "",
        "sync_config": {"source": f"{'ab' * 20}/{place:016x}", "uniqueTags": bool(place % 2)},
        "customOverlay": overlay,
        "createTime": "2025-03-01T12:00:00.123456Z",
        "activeTags": ["latest", "latest-dev", "3", "3-dev"],
    }


def _wanted(repository: dict[str, Any], dice: random.Random, place: int, kind: str) -> dict[str, Any]:
    overlay = repository["customOverlay"]
    packages = list(overlay["contents"]["packages"])
    if kind == "unlike" or place % 10 == 3:
        packages[dice.randrange(10)] = "kubectl-1.34"
        packages.append("helm-3")
    dice.shuffle(packages)
    own = {"RELEASE": f"r{place:06d}"} if kind == "unlike" else {}
    return {
        "name": repository["name"],
        "packages": packages,
        "environment": {**overlay["environment"], **own},
        "annotations": overlay["annotations"],
    }


def _entry(one: dict[str, Any]) -> str:
    packages = "".join(f"      - {name}\n" for name in one["packages"])
    environment = "".join(f"      {key}: {value}\n" for key, value in one["environment"].items())
    annotations = "".join(f'      {key}: "{value}"\n' for key, value in one["annotations"].items())
    return f"  {one['name']}:\n    packages:\n{packages}    environment:\n{environment}    annotations:\n{annotations}"


# The server


def serve(folder: Path) -> None:
    """Answer on loopback from the files of a folder until standard input is closed; print the port."""
    answers = {
        "/registry/v1/repos": (folder / "repos.json").read_bytes(),
        "/iam/v1/groups": (folder / "groups.json").read_bytes(),
        "/apk/v1/package-summaries": (folder / "summaries.json").read_bytes(),
        "/registry/v1/buildreports": b'{"reports":[]}',
        "/registry/v1/tags": b'{"items":[]}',
        "/registry/v1/syncstatuses": b'{"items":[]}',
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = answers.get(parts.path)
            if parts.path == "/apk/v1/packages":
                name = parse_qs(parts.query).get("packageName", [""])[0]
                found = {"version": "1.0-r0", "architecture": "x86_64", "packageName": name}
                body = json.dumps({"items": [found]}).encode()
            status = 404 if body is None else 200
            body = body or b'{"code":5,"message":"not found"}'
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


@contextmanager
def serving(data: Data) -> Iterator[str]:
    """Give the address of a server with this data, in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.bench", "--serve", str(data.folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


# Measuring


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder to work in, and how much to measure."""

    folder: Path
    rounds: int
    sizes: Sequence[int]

    def data(self, size: int, kind: str = "usual") -> Data:
        """Return the data of a size, made in another process: the memory of this one counts to its children."""
        folder = self.folder / f"{size}-{kind}"
        if not folder.exists():
            words = [sys.executable, "-m", "benchmarks.bench", "--generate", str(folder), str(size), kind]
            subprocess.run(words, check=True, cwd=ROOT)
        return Data(folder=folder, size=size)

    def compare(self, what: str, cases: Mapping[str, Case | None]) -> Iterator[Row]:
        """Yield a row for each case but the first, which is ours; the cases that are None are not installed."""
        there = {name: case for name, case in cases.items() if case is not None}
        taken: dict[str, list[Cost]] = {name: [] for name in there}
        for turn in range(self.rounds + 1):
            for name, case in there.items():
                cost = measure(case[turn % len(case)])
                taken[name] += [cost] if turn else []
        ours, *others = cases
        mine = _median(taken[ours])
        for name in others or ["-"]:
            theirs = _median(taken[name]) if name in taken else None
            told = name if name in taken or not others else f"{name} (not installed)"
            yield what, told, f"{mine.wall:.2f}", f"{mine.cpu:.2f}", *_beside(mine, theirs)


def _beside(mine: Cost, theirs: Cost | None) -> Row:
    if theirs is None:
        return "-", "-", "-", "-", f"{mine.peak:.0f}"
    ratios = f"{mine.wall / theirs.wall:.2f}", f"{mine.cpu / theirs.cpu:.2f}"
    return f"{theirs.wall:.2f}", f"{theirs.cpu:.2f}", *ratios, f"{mine.peak:.0f} / {theirs.peak:.0f}"


def measure(case: Command) -> Cost:
    """Run a process to its end, its output thrown away."""
    environ = {**os.environ, "CHAINGUARD_TOKEN": "invented", "CHECKPOINT_DISABLE": "1"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode start-up would take twice as long
    quiet = [(os.POSIX_SPAWN_OPEN, stream, "/dev/null", os.O_WRONLY, 0) for stream in (1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawnp(str(case[0]), [str(word) for word in case], environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{case[0]} {case[1]}: exit {os.waitstatus_to_exitcode(status)}")
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(one.wall for one in costs),
        cpu=statistics.median(one.cpu for one in costs),
        peak=statistics.median(one.peak for one in costs),
    )


def product(*words: str | Path) -> Command:
    """Return a command of the product as users start it."""
    script = Path(sys.executable).with_name("reconciler")
    return (script if script.exists() else shutil.which("reconciler") or "reconciler", *words)


def inside(folder: Path, command: Command) -> Command:
    """Return the command to be run in a folder, where it keeps its journal."""
    return ("sh", "-c", 'cd "$0" && exec "$@"', folder, *command)


# Peers: other programs that compare the same data, None where one is not installed


def curl_and_jq(data: Data, url: str) -> Command | None:
    """Fetch the list with curl, and compare it with the wanted state, which is JSON already, in jq."""
    if not (shutil.which("curl") and shutil.which("jq")):
        return None
    program = data.folder / "difference.jq"
    program.write_text(
        "($live[0].items | map({key: .name, value: .customOverlay}) | from_entries) as $now"
        " | $wanted[0].repositories[] | $now[.name] as $has"
        " | {name, add: (.packages - $has.contents.packages), drop: ($has.contents.packages - .packages)}"
        ' | select(.add != [] or .drop != []) | .name, "  + " + .add[], "  - " + .drop[]',
        encoding="utf-8",
    )
    curled = data.folder / "curled.json"
    script = 'curl -sf "$0" -o "$1" && exec jq -rn --slurpfile live "$1" --slurpfile wanted "$2" -f "$3"'
    return ("sh", "-c", script, f"{url}/registry/v1/repos", curled, data.wanted, program)


def octodns(data: Data, _url: str) -> Command | None:
    """Compare in octoDNS: a TXT record for each repository, its packages the values; no network."""
    if importlib.util.find_spec("octodns") is None:
        return None
    folder = data.folder / "octodns"
    if not folder.exists():
        folder.mkdir()
        for name, key in (("wanted", "repositories"), ("live", "items")):
            (folder / name).mkdir()
            listed = json.loads((data.wanted if name == "wanted" else data.live).read_text(encoding="utf-8"))[key]
            records = "".join(map(_record, listed))
            (folder / name / "example.com.yaml").write_text(f"---\n{records}", encoding="utf-8")
    provider = {"class": "octodns.provider.yaml.YamlProvider", "enforce_order": False, "default_ttl": 300}
    config = {
        "providers": {name: {**provider, "directory": str(folder / name)} for name in ("wanted", "live")},
        "zones": {"example.com.": {"sources": ["wanted"], "targets": ["live"]}},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    script = "import sys; from octodns.cmds.sync import main; sys.argv[0] = 'octodns-sync'; main()"
    return (sys.executable, "-c", script, "--config-file", folder / "config.yaml", "--force")


def _record(one: dict[str, Any]) -> str:
    packages = one.get("packages") or one["customOverlay"]["contents"]["packages"]
    return f"{one['name']}:\n  type: TXT\n  values:\n" + "".join(f"  - {name}\n" for name in sorted(packages))


def terraform(data: Data, _url: str) -> Command | None:
    """Plan in Terraform: a `terraform_data` block for each repository; no network."""
    if not shutil.which("terraform"):
        return None
    folder = data.folder / "terraform"
    if not folder.exists():
        folder.mkdir()
        wanted = json.loads(data.wanted.read_text(encoding="utf-8"))["repositories"]
        blocks = {one["name"]: {"input": sorted(one["packages"])} for one in wanted}
        (folder / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": blocks}}), encoding="utf-8")
        listed = json.loads(data.live.read_text(encoding="utf-8"))["items"]
        state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "benchmark", "outputs": {}}
        state["resources"] = [_resource(place, one) for place, one in enumerate(listed)]
        (folder / "terraform.tfstate").write_text(json.dumps(state), encoding="utf-8")
    script = 'cd "$0" && { [ -d .terraform ] || terraform init -input=false; } && exec terraform plan -input=false'
    return ("sh", "-c", script, folder)


def _resource(place: int, one: dict[str, Any]) -> dict[str, Any]:
    packages = one["customOverlay"]["contents"]["packages"]
    value = {"value": packages, "type": ["tuple", ["string"] * len(packages)]}
    attributes = {"id": f"{place:032x}", "input": value, "output": value, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": one["name"],
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }


PEERS: dict[str, Callable[[Data, str], Command | None]] = {
    "curl and jq": curl_and_jq,
    "octoDNS": octodns,
    "Terraform": terraform,
}


# The emulator, for what writes and builds


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Repositories of an emulator, and two manifests that change all of them in turn."""

    folder: Path
    url: str
    documents: Sequence[dict[str, Any]]

    def manifests(self) -> tuple[Path, Path]:
        """Write the manifests; each sets a variable of every repository."""
        files = self.folder / "one.yaml", self.folder / "two.yaml"
        for file in files:
            entries = "".join(f"  {one['name']}: {{environment: {{RELEASE: {file.stem}}}}}\n" for one in self.documents)
            file.write_text(f"organization: example.com\nrepositories:\n{entries}", encoding="utf-8")
        return files

    def apply(self, *words: str) -> Case:
        """Return the command of an apply that changes every repository."""
        more = ("--yes", "--no-check", "--api", self.url, "--wait-timeout", "20m", *words)
        return [inside(self.folder, product("apply", file, *more)) for file in self.manifests()]


@contextmanager
def emulating(folder: Path, size: int) -> Iterator[World]:
    """Start an emulator with so many repositories of ours, which then answers each request late."""
    folder.mkdir()
    with _emulator(folder) as url:
        seeded = next(one for one in _call(url, "GET", "")["items"] if one["name"] == "custom-go")
        parent = seeded["id"].rpartition("/")[0]
        source = {"source": seeded["sync_config"]["source"], "uniqueTags": True}
        bodies = ({"name": f"bench-{place:04}", "sync_config": source} for place in range(size))
        documents = [_call(url, "POST", f"/{parent}", body) for body in bodies]
    faults = folder / "faults.json"
    faults.write_text(json.dumps([{"do": "delay", "seconds": LATENCY, "times": None}]), encoding="utf-8")
    with _emulator(folder, "--faults", faults) as url:
        yield World(folder=folder, url=url, documents=documents)


@contextmanager
def _emulator(folder: Path, *words: str | Path) -> Iterator[str]:
    command = product("emulator", "serve", "--port", "0", "--state", folder / "emulator.db", *words)
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def _call(url: str, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(f"{url}/registry/v1/repos{path}", method=method)
    request.add_header("authorization", "Bearer invented")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data) as answer:
        return json.load(answer)


def curl_writes(world: World, parallel: int) -> Case | None:
    """Write the same variable with curl, which reads nothing and confirms nothing."""
    if not shutil.which("curl"):
        return None
    blocks = []
    for one in world.documents:
        file = world.folder / f"{one['name']}.json"
        file.write_text(json.dumps({**one, "customOverlay": {"environment": {"RELEASE": "curl"}}}), encoding="utf-8")
        address = f"{world.url}/registry/v1/repos/{one['id']}"
        blocks.append(f'url = "{address}"\nrequest = PUT\ndata = "@{file}"\noutput = /dev/null\n')
    head = 'header = "authorization: Bearer invented"\n'
    (world.folder / "curl.txt").write_text("next\n".join(head + block for block in blocks), encoding="utf-8")
    return [("curl", "-sfZ", "--parallel-max", str(parallel), "-K", world.folder / "curl.txt")]


# Groups


def start(bench: Bench) -> Iterator[Row]:
    """Yield what a start costs."""
    nothing: Case = [(sys.executable, "-c", "pass")]
    yield from bench.compare("`--help`", {"ours": [product("--help")], "`python -c pass`": nothing})
    yield from bench.compare("`--version`", {"ours": [product("--version")], "`python -c pass`": nothing})


def validate(bench: Bench) -> Iterator[Row]:
    """Yield what reading a manifest costs."""
    for size in bench.sizes:
        data = bench.data(size)
        script = "import sys, yaml; yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)"
        cases: dict[str, Case] = {
            "ours": [product("validate", data.manifest)],
            "`yaml.load`, CSafeLoader": [(sys.executable, "-c", script, data.manifest)],
        }
        yield from bench.compare(f"`validate` of {size:,}", cases)


def plan(bench: Bench) -> Iterator[Row]:
    """Yield what a plan costs, one repository in ten changed, beside the other programs."""
    for size in bench.sizes:
        data = bench.data(size)
        with serving(data) as url:
            peers = {name: peer(data, url) for name, peer in PEERS.items()}
            cases: dict[str, Case | None] = {"ours": [product("plan", data.manifest, "--api", url)]}
            cases |= {name: None if peer is None else [peer] for name, peer in peers.items()}
            yield from bench.compare(f"`plan` of {size:,}", cases)


def text(bench: Bench) -> Iterator[Row]:
    """Yield what a plan costs in which every repository changes, each in its own way, beside the same as JSON."""
    data = bench.data(bench.sizes[-1], "unlike")
    with serving(data) as url:
        command = product("plan", data.manifest, "--api", url)
        quiet = [*command, "--format", f"json={data.folder / 'plan.json'}"]
        cases: dict[str, Case] = {"ours": [command], "the same as JSON": [quiet]}
        yield from bench.compare(f"`plan` of {data.size:,}, all changed", cases)


def saved(bench: Bench) -> Iterator[Row]:
    """Yield what saving a plan costs, and reading it."""
    data = bench.data(bench.sizes[-1])
    file = data.folder / "saved.plan"
    with serving(data) as url:
        command = product("plan", data.manifest, "--api", url)
        cases: dict[str, Case] = {"ours": [[*command, "-o", file]], "without `-o`": [command]}
        yield from bench.compare(f"`plan -o` of {data.size:,}", cases)
    yield from bench.compare(f"`show` of {data.size:,}", {"ours": [product("show", file)]})


def apply(bench: Bench) -> Iterator[Row]:
    """Yield what an apply costs that changes every repository, ten at a time."""
    size = min(1_000, bench.sizes[-1])
    with emulating(bench.folder / f"apply-{size}", size) as world:
        cases = {"ours": world.apply("--no-wait"), "`curl -Z`, writes alone": curl_writes(world, 10)}
        yield from bench.compare(f"`apply --no-wait` of {size:,}, {LATENCY * 1e3:.0f} ms", cases)


def follow(bench: Bench) -> Iterator[Row]:
    """Yield what following the builds costs."""
    size = min(100, bench.sizes[-1])
    with emulating(bench.folder / f"follow-{size}", size) as world:
        cases = {"ours": world.apply(), "without waiting": world.apply("--no-wait")}
        yield from bench.compare(f"`apply` of {size:,}, to the end of the builds", cases)


GROUPS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": start,
    "validate": validate,
    "plan": plan,
    "text": text,
    "saved": saved,
    "apply": apply,
    "follow": follow,
}


if __name__ == "__main__":
    raise SystemExit(main())
