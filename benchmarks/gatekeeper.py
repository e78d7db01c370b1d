"""Compares `attest policy check` with `gator test` on Gatekeeper templates and constraints, and writes the table.

python benchmarks/gatekeeper.py               1,000 Pods, 5 repeats, into benchmarks/README.md
python benchmarks/gatekeeper.py --pods 200 --repeats 3 --print
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from measure import Command, output_of, peak_bytes
from public import CEL, REGO, library, write_public
from run import MEGABYTE, attest, interleaved, machine, scratch_folder, write
from varied import write_varied_pods

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATES = 20
PARAMETERS = {
    "repos": ["registry.company.com/", "gcr.io/company/"],
    "cpu": "500m",
    "memory": "512Mi",
    "labels": [{"key": "team", "allowedRegex": "^[a-z-]+$"}, {"key": "owner"}],
    "probes": ["livenessProbe", "readinessProbe"],
    "exemptImages": ["registry.company.com/base/*", "gcr.io/company/agent:1.0"],
    "allowedCapabilities": ["NET_BIND_SERVICE"],
}
TEMPLATE_FILES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class Case:
    """One row pair of the table."""

    name: str
    templates: int
    rules: str
    """The folder of the rules, each used by several templates; the engine, of templates of the public library."""
    public: Path | None = None
    """The folder of the public library, whose templates are asked about Pods of many shapes."""

    def write(self, policies: Path, pods: Path, count: int, *, seed: int = 3) -> None:
        """Writes the templates and constraints, and so many Pods; those of many shapes are drawn."""
        if self.public:
            write_public(policies, self.public, self.rules)
            write_varied_pods(pods, count, seed=seed)
        else:
            write_policies(policies, self)
            write_pods(pods, count)


CASES = (
    Case("20 templates, Rego, short rules", TEMPLATES, "short"),
    Case("20 templates, Rego, as libraries write it", TEMPLATES, "library"),
    Case("20 templates, CEL, as libraries write it", TEMPLATES, "cel"),
    Case("100 templates of which 20 match, Rego, as libraries write it", 5 * TEMPLATES, "library"),
)


def cases() -> tuple[Case, ...]:
    """All of them, those of the public library where it is there."""
    if (public := library()) is None:
        return CASES
    return (
        *CASES,
        Case("20 public templates, Rego, Pods of many shapes", TEMPLATES, REGO, public),
        Case("16 public templates, CEL, Pods of many shapes", TEMPLATES, CEL, public),
    )


def write_pods(folder: Path, count: int) -> None:
    """One Pod a file, of two containers; one of them breaks most rules."""
    for number in range(count):
        bad = {
            "name": f"app-{number}",
            "image": f"docker.io/team-{number % 7}/app:1.{number % 30}",
            "resources": {"limits": {"cpu": "2", "memory": "2Gi"}},
            "securityContext": {"privileged": number % 3 == 0, "capabilities": {"add": ["SYS_TIME"]}},
        }
        good = {
            "name": "sidecar",
            "image": "registry.company.com/base/proxy:1.0",
            "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
            "securityContext": {"privileged": False, "capabilities": {"drop": ["ALL"]}},
            "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
            "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "namespace": f"team-{number % 10}", "labels": {"team": "Web"}},
            "spec": {"containers": [bad, good]},
        }
        (folder / f"pod-{number:05}.yaml").write_text(json.dumps(pod, indent=1))


def write_policies(folder: Path, case: Case) -> None:
    """Templates with one constraint each; those beyond the first 20 match a kind that is not there."""
    for number in range(case.templates):
        kind = f"Bench{number:03}"
        matched = {"apiGroups": [""], "kinds": ["Pod" if number < TEMPLATES else "Secret"]}
        constraint = {
            "apiVersion": "constraints.gatekeeper.sh/v1beta1",
            "kind": kind,
            "metadata": {"name": "all"},
            "spec": {"match": {"kinds": [matched]}, "parameters": PARAMETERS},
        }
        (folder / f"template-{number:03}.yaml").write_text(
            json.dumps(_template(kind, number, TEMPLATE_FILES / case.rules))
        )
        (folder / f"constraint-{number:03}.yaml").write_text(json.dumps(constraint))


def _code(kind: str, number: int, folder: Path) -> dict[str, object]:
    """The code of a template: one of the rules of a folder, in Rego with the libraries beside it, or in CEL."""
    rules = sorted(path for path in folder.iterdir() if path.is_file())
    rule = rules[number % len(rules)]
    if rule.suffix == ".yaml":
        return {"engine": "K8sNativeValidation", "source": yaml.safe_load(rule.read_text())}
    text = rule.read_text().replace("package rule", f"package {kind.lower()}", 1)
    libraries = [path.read_text() for path in sorted(folder.glob("lib/*.rego"))]
    return {"engine": "Rego", "source": {"rego": text, "libs": libraries}}


def _template(kind: str, number: int, folder: Path) -> dict[str, object]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    target = {"target": "admission.k8s.gatekeeper.sh", "code": [_code(kind, number, folder)]}
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower()},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}, "validation": {"openAPIV3Schema": schema}}},
            "targets": [target],
        },
    }


def programs(policies: Path, pods: Path) -> list[Command]:
    """The two programs on the same files."""
    test = ["gator", "test", f"-f={policies}", f"-f={pods}", "-o=json"]
    return [*attest(str(pods), "-p", str(policies)), Command("gator test", test)]


def violations(name: str, output: bytes) -> int:
    """The number of violations in a program's JSON output."""
    document = json.loads(output)
    return len(document) if name == "gator test" else int(document["violations"])


def compare(case: Case, scratch: Path, pods: int, repeats: int) -> list[str]:
    """Measures one case and returns its rows.

    Raises:
        RuntimeError: the programs don't find the same number of violations.
    """
    policies, manifests = (scratch / case.name.replace(" ", "-") / name for name in ("policies", "pods"))
    policies.mkdir(parents=True)
    manifests.mkdir()
    case.write(policies, manifests, pods)
    commands = programs(policies, manifests)
    found = {command.name: violations(command.name, output_of(command)) for command in commands}
    if len(set(found.values())) != 1:
        raise RuntimeError(f"the programs disagree, so their times mean nothing: {found}")
    times = interleaved(commands, repeats)
    medians = {command.name: statistics.median(times[command.name]) for command in commands}
    return [
        f"| {case.name} | `{c.name}` | {medians[c.name]:.2f} s | {min(times[c.name]):.2f} s "
        f"| {medians['gator test'] / medians[c.name]:.1f} | {peak_bytes(c) / MEGABYTE:.0f} MB |"
        for c in commands
    ]


def table(rows: Sequence[str]) -> str:
    """The rows under their head."""
    head = ["| what | program | median | best | times as fast as gator | peak memory |"]
    return "\n".join([*head, "| --- | --- | ---: | ---: | ---: | ---: |", *rows])


def main() -> None:
    """Reads the command line, measures, and writes or prints the results."""
    parser = argparse.ArgumentParser(description="compare attest with gator")
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="print the results and leave benchmarks/README.md alone")
    arguments = parser.parse_args()
    with scratch_folder() as scratch:
        rows = [row for case in cases() for row in compare(case, Path(scratch), arguments.pods, arguments.repeats)]
    text = f"{machine(arguments.repeats)}\n\n{table(rows)}"
    print(text)
    if not arguments.print:
        write(text, "gatekeeper")


if __name__ == "__main__":
    main()
