"""The configuration snippets of the specification load as they are written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from attest_governance.load.settings import Settings

Load = Callable[..., Settings]
SHARED = Path(os.environ.get("ATTEST_SHARED", Path(__file__).parents[2] / ".." / "shared"))


def _snippets(start: str) -> list[str]:
    file = SHARED / "seed.md"
    if not file.is_file():
        pytest.skip(f"THE SPECIFICATION IS NOT AT {file}: its snippets are not tested")
    found = re.findall(r"```yaml\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)
    chosen = [text for text in found if re.match(rf"(#.*\n)*{start}:", text)]
    assert chosen
    return chosen


def test_global_settings(load: Load) -> None:
    (text,) = _snippets("policy")
    settings = load(None, text)
    assert settings.policy.fail_on_violation
    (module,) = settings.modules
    assert (module.name, module.level, module.severity) == ("custom-security", "Cluster", "high")
    assert text.splitlines()[module.line - 1][module.column - 1 :] == "package custom.security"


def test_project_settings(load: Load) -> None:
    (text,) = _snippets("policies")
    settings = load(text)
    assert settings.for_policy("image-security").parameters == {
        "trusted_registries": ["gcr.io/", "registry.company.com/"],
        "require_attestation": True,
    }
    assert settings.for_policy("resource-limits").enforcement == "warn"


def test_exemption(load: Load) -> None:
    (text,) = _snippets("exemptions")
    (exemption,) = load(text).exemptions
    assert (exemption.policy_name, exemption.approved_by) == ("attest-security", "security-team@company.com")
    assert exemption.expires_at == "2024-06-30T23:59:59Z"


@pytest.mark.parametrize("framework", ["soc2", "gdpr", "hipaa"])
def test_framework(framework: str, load: Load) -> None:
    (text,) = (text for text in _snippets("compliance") if f"  {framework}:" in text)
    settings = load(text)
    assert getattr(settings.compliance, framework).enabled
    assert settings.compliance.soc2.controls[-1:] == () or settings.compliance.soc2.controls[0].control == "CC6.1"


def test_all_of_it_in_one_file(load: Load) -> None:
    frameworks = [text.replace("compliance:\n", "") for text in _snippets("compliance")]
    parts = [*_snippets("policy"), *_snippets("policies"), *_snippets("exemptions"), "compliance:\n", *frameworks]
    settings = load("".join(parts))
    assert settings.compliance.gdpr.data_protection.required_annotations[0] == "gdpr.attest.continuu.ms/lawful-basis"
    assert settings.compliance.hipaa.data_classification.phi_detection == "enabled"
