"""The others that do the like, each set up for a set of data where it is installed."""

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

from benchmarks.speed.timing import Case
from benchmarks.speed.world import Data

# The difference of the packages, variables and annotations of every repository, as somebody would write it in jq.
_DIFFERENCE = """
($live[0].items | map({key: .name, value: .customOverlay}) | from_entries) as $now
| $wanted[0].repositories[]
| $now[.name] as $has
| {name, add: (.packages - $has.contents.packages), drop: ($has.contents.packages - .packages),
   other: (.environment != $has.environment or .annotations != $has.annotations)}
| select(.add != [] or .drop != [] or .other)
| .name, "  + " + .add[], "  - " + .drop[]
"""
_PROVIDER = """
import json, logging
from octodns.provider.base import BaseProvider
from octodns.record import Record


class Listed(BaseProvider):
    SUPPORTS, SUPPORTS_GEO, SUPPORTS_ROOT_NS = {"TXT"}, False, False

    def __init__(self, id, path, **rest):
        self.log, self.path = logging.getLogger(id), path
        super().__init__(id, **rest)

    def populate(self, zone, target=False, lenient=False):
        with open(self.path) as stream:
            for one in json.load(stream)["items"]:
                data = {"type": "TXT", "ttl": 300, "values": one["customOverlay"]["contents"]["packages"]}
                zone.add_record(Record.new(zone, one["name"], data, source=self, lenient=True), lenient=True)
        return True

    def _apply(self, plan):
        raise NotImplementedError
"""


def curl_jq(data: Data, url: str) -> Case | None:
    """One `curl` of the list and one `jq` over it and the wanted state, which is JSON already."""
    if not (shutil.which("curl") and shutil.which("jq")):
        return None
    live, program = data.folder / "curled.json", data.folder / "difference.jq"
    program.write_text(_DIFFERENCE, encoding="utf-8")
    script = f'curl -sf "{url}/registry/v1/repos" -o "{live}" && exec jq -rn --slurpfile live "{live}" --slurpfile wanted "{data.wanted}" -f "{program}"'  # noqa: E501 - one command line
    return Case(argv=("sh", "-c", script))


def jq_alone(data: Data) -> Case | None:
    """The same without the fetching: its memory is jq's own."""
    if not shutil.which("jq"):
        return None
    program = data.folder / "difference.jq"
    program.write_text(_DIFFERENCE, encoding="utf-8")
    return Case(
        argv=("jq", "-rn", "--slurpfile", "live", data.live, "--slurpfile", "wanted", data.wanted, "-f", program)
    )


def octodns(data: Data) -> Case | None:
    """octoDNS with a TXT record for each repository, its packages the values; no network."""
    if importlib.util.find_spec("octodns") is None:
        return None
    folder = data.folder / "octodns"
    folder.mkdir(exist_ok=True)
    (folder / "listed.py").write_text(_PROVIDER, encoding="utf-8")
    wanted = json.loads(data.wanted.read_text(encoding="utf-8"))["repositories"]
    records = {one["name"]: {"type": "TXT", "ttl": 300, "values": sorted(one["packages"])} for one in wanted}
    # JSON is YAML as well, but not what people write: octoDNS gets its files as people have them.
    import yaml

    (folder / "example.com.yaml").write_text(yaml.dump(records, Dumper=yaml.CSafeDumper), encoding="utf-8")
    config = {
        "manager": {"max_workers": 1},
        "providers": {
            "wanted": {"class": "octodns.provider.yaml.YamlProvider", "directory": str(folder), "enforce_order": False},
            "live": {"class": "listed.Listed", "path": str(data.live)},
        },
        "zones": {"example.com.": {"sources": ["wanted"], "targets": ["live"]}},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    script = "import sys; from octodns.cmds.sync import main; sys.argv[0] = 'octodns-sync'; main()"
    return Case(
        argv=(sys.executable, "-c", script, "--config-file", folder / "config.yaml", "--force"),
        env={"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
    )


def terraform(data: Data) -> Case | None:
    """Terraform with a `terraform_data` block for each repository: the cost of a plan without any network."""
    if not shutil.which("terraform"):
        return None
    folder: Path = data.folder / "terraform"
    folder.mkdir(exist_ok=True)
    wanted = json.loads(data.wanted.read_text(encoding="utf-8"))["repositories"]
    live = {one["name"]: one["customOverlay"] for one in json.loads(data.live.read_text(encoding="utf-8"))["items"]}
    blocks = {one["name"]: {"input": sorted(one["packages"])} for one in wanted}
    (folder / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": blocks}}), encoding="utf-8")
    resources = [
        _resource(name, sorted(overlay["contents"]["packages"]), at) for at, (name, overlay) in enumerate(live.items())
    ]
    state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "benchmark", "outputs": {}}
    (folder / "terraform.tfstate").write_text(json.dumps({**state, "resources": resources}), encoding="utf-8")
    script = f'cd "{folder}" && {{ [ -d .terraform ] || terraform init -input=false >/dev/null; }} && exec terraform plan -input=false -no-color'  # noqa: E501 - one command line
    return Case(argv=("sh", "-c", script), env={"CHECKPOINT_DISABLE": "1"})


def _resource(name: str, packages: list[str], place: int) -> dict[str, object]:
    kind = ["tuple", ["string"] * len(packages)]
    value = {"value": packages, "type": kind}
    attributes = {"id": f"{place:032x}", "input": value, "output": value, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": name,
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
