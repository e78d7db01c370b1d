"""What policies look up beside the resource that they judge: only the fields that they name are held (ADR 0070)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

LABELS = """\
# METADATA
# scope: package
# custom:
#   name: {name}
#   inventory: [{inventory}]
package {name}

violation contains message if {{
	some other in data.inventory.namespace.shop[_].Deployment
	message := sprintf("%v has %v", [other.metadata.name, object.remove(other, ["apiVersion", "kind", "metadata"])])
}}
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, selector: {}, template: {spec: {containers: [{name: web, image: web}]}}}
"""


@pytest.mark.parametrize(
    ("inventory", "shown"),
    [
        ("Deployment", '"template"'),
        ("Deployment: [spec.replicas]", 'web has {"spec": {"replicas": 2}}'),
        ("Deployment: []", "web has {}"),
        ("Deployment: [spec.replicas], Deployment: [spec.selector]", '{"spec": {"replicas": 2, "selector": {}}}'),
    ],
)
def test_a_policy_sees_what_it_names(attest: Attest, write: Write, inventory: str, shown: str) -> None:
    write({"one.rego": LABELS.format(name="one", inventory=inventory), "web.yaml": MANIFEST})
    run = attest("policy", "check", "web.yaml", "--policy-dir", "one.rego", "--policy", "one", "-f", "json", code=1)
    assert shown in run.json()["findings"][0]["message"]


def test_what_another_policy_wants_whole_is_whole(attest: Attest, write: Write) -> None:
    some = LABELS.format(name="p_some", inventory="Deployment: [spec.replicas]")
    write({"some.rego": some, "all.rego": LABELS.format(name="p_all", inventory="Deployment"), "web.yaml": MANIFEST})
    chosen = ("--policy", "p_some", "--policy", "p_all")
    run = attest("policy", "check", "web.yaml", "--policy-dir", ".", *chosen, "-f", "json", code=1)
    assert all('"template"' in one["message"] for one in run.json()["findings"])


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        ("Deployment: spec", "`Deployment` must have a list of fields, such as `[metadata.labels]`"),
        ("7", "`7` is neither a kind nor a kind with its fields"),
    ],
)
def test_what_is_wrong_with_it_has_its_place(attest: Attest, write: Write, inventory: str, said: str) -> None:
    write({"one.rego": LABELS.format(name="one", inventory=inventory)})
    run = attest("policy", "validate", "one.rego", code=2)
    assert "one.rego:6" in run.out
    assert said in run.out
