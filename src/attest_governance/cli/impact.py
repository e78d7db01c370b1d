"""What a change of policies means for given resources: they are judged before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters import git
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.session import engine, environment
from attest_governance.govern.policysets.change import finding_changes
from attest_governance.govern.policysets.files import DEFAULT_ROOTS
from attest_governance.model.sources import Manifests
from attest_governance.request import Request
from attest_governance.runtime import open_runtime

if TYPE_CHECKING:
    from attest_governance.model import Finding
    from attest_governance.model.governance import Gate


def with_findings(gate: Gate, root: Path, resources: Sequence[str]) -> Gate:
    """Adds the findings that the change adds and removes.

    Raises:
        AttestError: one of the two states can't judge.
    """
    paths = tuple(str(Path(path).resolve()) for path in resources)
    with TemporaryDirectory() as folder:
        base = Path(folder).resolve()
        for name, entry in git.tree_at(root, gate.base, [".attest/policies.yaml", *DEFAULT_ROOTS]).items():
            if entry.kind == "file":
                (base / name).parent.mkdir(parents=True, exist_ok=True)
                (base / name).write_bytes(entry.content)
        added, removed = finding_changes(_judge(base, paths), _judge(root, paths))
    return msgspec.structs.replace(gate, added=added, removed=removed)


def _judge(root: Path, paths: tuple[str, ...]) -> tuple[Finding, ...]:
    """What the policies of a folder find; exemptions are changes of their own, which the gate names."""
    folders = tuple(str(root / name) for name in DEFAULT_ROOTS if (root / name).is_dir())
    request = Request(folders=folders, with_shipped=True, disallow_exemptions=True, draft=True)
    around, now = msgspec.structs.replace(environment(), cwd=root), system_clock()
    with open_runtime(engine(), request, around, now=now) as runtime:
        findings = runtime.judge(Manifests(paths=paths), now).findings
    engine().close()  # the other state may want another limit of memory
    return findings
