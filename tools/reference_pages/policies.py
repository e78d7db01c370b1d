"""`docs/reference/policies/`: one page for each shipped policy, from its METADATA and its examples."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from attest_governance.describe import describe
from attest_governance.evaluate import CheckOptions, Engine
from attest_governance.model.finding import in_order
from attest_governance.model.sources import Manifests, Selected
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path
from attest_governance.runtime import open_runtime
from reference_pages.markdown import code, fence, page, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest_governance.model import Finding, Policy
    from attest_governance.model.policy import Description
    from attest_governance.runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "policies"
_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")
FOLDER = ROOT / "docs" / "reference" / "policies"

_INTRODUCTION = """\
# Shipped policies
They apply until you bring your own (`--policy-dir`), and each is set up by its name in `.attest/policies.yaml`
([configuration](../configuration.md)). `attest policy show NAME` says the same on the terminal. How one is written:
[guide for policy authors](../../guides/writing-policies.md)."""


def policy_pages() -> dict[str, str]:
    """Every page by its file name, the index among them as `README.md`."""
    engine = Engine(engine_path())
    try:
        described = _described(engine)
        pages = {f"{one.policy.name}.md": _page(one, _verdicts(engine, one)) for one in described}
    finally:
        engine.close()
    return {"README.md": _index(described), **pages}


def _described(engine: Engine) -> list[Description]:
    """The shipped policies as they are without any configuration, by name."""
    with _opened(engine) as runtime:
        return [describe(policy, runtime) for policy in sorted(runtime.policies, key=lambda policy: policy.name)]


def _opened(engine: Engine, evidence: Path | None = None) -> Runtime:
    nowhere = Path(os.devnull)
    around = Environment(cwd=nowhere, home=nowhere, variables={}, shipped=SHIPPED)
    return open_runtime(engine, Request(evidence=evidence), around, now=datetime.now(UTC))


def _verdicts(engine: Engine, description: Description) -> list[Finding]:
    """What the policy finds in its failing examples, file by file."""
    folder = _examples(description.policy)
    selected = [Selected(description.policy.name, _example_parameters(folder))]
    manifests = Manifests(paths=description.failing)
    with _opened(engine, _evidence(folder)) as runtime:
        batches = engine.check(runtime.loaded, selected, manifests, CheckOptions())
        return sorted((one for batch in batches for one in batch.findings), key=in_order)


def _examples(policy: Policy) -> Path:
    return Path(policy.file).parent / "examples" / policy.name


def _evidence(folder: Path) -> Path | None:
    file = folder / "evidence.json"
    return file if file.is_file() else None


def _example_parameters(folder: Path) -> dict[str, Any]:
    file = folder / "parameters.yaml"
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


def _index(described: Iterable[Description]) -> str:
    rows = (
        (f"[{one.policy.name}]({one.policy.name}.md)", one.policy.title, one.policy.severity, _category(one.policy))
        for one in described
    )
    return page([_INTRODUCTION, table(("policy", "asks about", "severity", "folder"), rows)])


def _page(description: Description, verdicts: list[Finding]) -> str:
    policy = description.policy
    return page(
        [
            f"# {policy.title}",
            policy.description,
            _facts(policy),
            f"**What to do.** {policy.remediation}" if policy.remediation else "",
            *_parameters(policy),
            *_example_parts(description, verdicts),
        ]
    )


def _facts(policy: Policy) -> str:
    rows = (
        ("name", code(policy.name)),
        ("severity", f"{policy.severity}, where a finding states none"),
        ("controls", ", ".join(policy.controls)),
        ("package", code(policy.package)),
        ("source", _link(policy.file)),
        ("see also", ", ".join(f"<{url}>" for url in policy.related)),
    )
    return table(("", ""), ((name, value) for name, value in rows if value))


def _category(policy: Policy) -> str:
    return Path(policy.file).parent.name


def _parameters(policy: Policy) -> list[str]:
    properties: dict[str, Any] = (policy.parameters or {}).get("properties", {})
    if not properties:
        return ["## Parameters", "None."]
    rows = (
        (code(name), _kind(schema), code(_json(policy.defaults.get(name))), schema.get("description", ""))
        for name, schema in sorted(properties.items())
    )
    configured = {"policies": [{"name": policy.name, "parameters": dict(sorted(policy.defaults.items()))}]}
    return [
        "## Parameters",
        table(("parameter", "type", "default", "meaning"), rows),
        "In `.attest/policies.yaml`, here with the defaults:",
        fence("yaml", yaml.safe_dump(configured, sort_keys=False, default_flow_style=None, width=110)),
    ]


def _kind(schema: Mapping[str, Any]) -> str:
    choices = schema.get("enum")
    if choices:
        return ", ".join(code(_json(choice)) for choice in choices)
    kind = schema.get("type", "any")
    inner = schema.get("items", {})
    name = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{name} of {inner['type']}" if kind == "array" and "type" in inner else name


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _example_parts(description: Description, verdicts: list[Finding]) -> list[str]:
    folder = _examples(description.policy)
    parameters, evidence = _example_parameters(folder), _evidence(folder)
    shown = min(description.failing, key=lambda file: (len(Path(file).read_text(encoding="utf-8")), file), default="")
    return [
        "## Examples",
        f"They are judged with the evidence in {_link(str(evidence))}." if evidence else "",
        "They are judged with these parameters:" if parameters else "",
        fence("yaml", yaml.safe_dump(parameters, default_flow_style=None, width=110)) if parameters else "",
        table(("denied", "line", "severity", "because"), map(_verdict, verdicts)),
        table(("allowed",), ((_link(file),) for file in description.passing)),
        *([f"{_link(shown)} in full:", fence("yaml", Path(shown).read_text(encoding="utf-8"))] if shown else []),
    ]


def _verdict(finding: Finding) -> tuple[str, str, str, str]:
    # Nobody reads all of a digest, and one in every row would hide the words.
    message = _DIGEST.sub(r"\1…", finding.message).replace("<", "&lt;").replace("*", "\\*")
    return _link(finding.location.file), str(finding.location.line), finding.severity, message


def _link(file: str) -> str:
    """A link from a page of the folder to a file below `policies/`."""
    path = Path(file)
    return f"[{path.name}]({Path(os.path.relpath(path, FOLDER)).as_posix()})"
