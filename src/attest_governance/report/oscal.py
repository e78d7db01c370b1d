"""OSCAL 1.2: what a report shows as assessment results, and what serves controls as a component definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO
from uuid import NAMESPACE_URL, uuid5

from attest_governance.clean import one_line
from attest_governance.model.compliance import DISCLAIMER
from attest_governance.model.finding import fingerprint
from attest_governance.report import words
from attest_governance.report.compliance_text import counted
from attest_governance.report.json_document import to_json, write_with

if TYPE_CHECKING:
    from attest_governance.model.compliance import ControlState, ExemptionUse, FrameworkReport, Report, ReportedFinding
    from attest_governance.model.compliance_views import ControlView, FrameworkView
    from attest_governance.report.registry import ReportOptions

VERSION = "1.2.1"
_SPACE = "https://attest.continuu.ms/oscal"
_ASSESSED = ("met", "exempted", "partly met", "not met")
_OF = {"manifests": "manifests", "findings": "earlier findings", "cluster": "a cluster", "decisions": "decisions"}
_OTHER = re.compile(r"[^A-Za-z0-9._-]")


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """Writes assessment results: an observation for each finding, a finding for each control that was assessed."""
    document = {"assessment-results": _results(report)}
    if report.findings:
        write_with(document, "observations", map(_observer(report), report.findings), out)
    else:
        out.write(f"{to_json(document)}\n")


def identify(*parts: str) -> str:
    """A UUID that the same parts always have, and no others."""
    return str(uuid5(NAMESPACE_URL, "/".join((_SPACE, *(f"{len(part)}:{part}" for part in parts)))))


def control_id(framework: str, control: str) -> str:
    """A control as OSCAL can name it: what its tokens don't take is spelled by its number, so that no two are one."""
    return f"{_OTHER.sub('_', framework)}-{_OTHER.sub(lambda found: f'_{ord(found[0]):x}_', control)}"


def _line(text: str) -> str:
    """A text as a title or a value may hold it."""
    return one_line(text).strip() or "-"


def _metadata(title: str, moment: str, version: str) -> dict[str, Any]:
    return {"title": title, "last-modified": moment, "version": version or "0", "oscal-version": VERSION}


def _prop(name: str, value: object) -> dict[str, Any]:
    return {"name": name, "ns": _SPACE, "value": _line(str(value))}


def _results(report: Report) -> dict[str, Any]:
    run = (report.generated_at, report.policy_set, *(one.name for one in report.frameworks))
    scope, missing = report.scope, report.not_looked_at
    result = {
        "uuid": identify("result", *run),
        "title": _line(f"Policies over {_OF[scope.origin]}: {report.verdict}"),
        "description": DISCLAIMER,
        "start": report.generated_at,
        "end": report.generated_at,
        "props": [
            _prop("verdict", report.verdict),
            _prop("policy-set", report.policy_set),
            _prop("resources", scope.resources),
            *(_prop("not-looked-at-kind", f"{one.kind} ({one.resources})") for one in missing.kinds),
            *(_prop("not-enforced", f"{one.policy} {one.reason}") for one in missing.policies),
            *(_prop("error", f"{one.where} {one.message}") for one in report.problems if one.severity == "error"),
        ],
        "reviewed-controls": {"control-selections": [_selection(report)]},
        "observations": [],
        "risks": [*(_risk(one) for one in report.exemptions), *_open_risks(report)],
        "findings": [_finding(report, *pair) for pair in report.controls if pair[1].state in _ASSESSED],
    }
    empty = [name for name in ("risks", "findings") if not result[name]]
    empty += [] if report.findings else ["observations"]
    return {
        "uuid": identify("assessment-results", *run),
        "metadata": _metadata("Compliance report", report.generated_at, report.version),
        "import-ap": {
            "href": "#",
            "remarks": "There is no assessment plan: policies are asked whenever a report is made.",
        },
        "results": [{name: value for name, value in result.items() if name not in empty}],
    }


def _selection(report: Report) -> dict[str, Any]:
    assessed = [control_id(one.name, control.id) for one, control in report.controls if control.state in _ASSESSED]
    if not assessed:
        return {"description": "No control was assessed.", "include-all": {}}
    return {"include-controls": [{"control-id": one} for one in assessed]}


def _observation_id(one: ReportedFinding) -> str:
    at = one.finding.location
    return identify("observation", fingerprint(one.finding), at.file, str(at.line))


def _observer(report: Report) -> Any:  # noqa: ANN401 (a function of a finding)
    def observation(one: ReportedFinding) -> dict[str, Any]:
        finding, at = one.finding, one.finding.location
        waived = [_prop("exempted", words.waiver(finding.waiver))] if finding.waiver else []
        return {
            "uuid": _observation_id(one),
            "title": _line(f"{finding.policy}: {words.resource(finding.resource)}"),
            "description": one_line(finding.message),
            "props": [
                _prop("policy", finding.policy),
                _prop("severity", finding.severity),
                _prop("standing", words.standing(finding)),
                _prop("resource", finding.resource.id),
                _prop("fingerprint", fingerprint(finding)),
                *waived,
            ],
            "methods": ["TEST-AUTOMATED"],
            "types": ["finding"],
            "relevant-evidence": [{"description": one_line(f"{at.file}:{at.line}:{at.column}")}],
            "collected": report.generated_at,
        }

    return observation


def _exemption_id(one: ExemptionUse) -> str:
    waiver = one.waiver
    return identify("risk", waiver.kind, waiver.id, waiver.source, waiver.reason, waiver.expires_at)


def _risk(one: ExemptionUse) -> dict[str, Any]:
    """An exemption is a deviation that somebody approved, and that ends."""
    waiver = one.waiver
    return {
        "uuid": _exemption_id(one),
        "title": _line(f"{words.WAIVERS[waiver.kind]} {waiver.id or waiver.source}"),
        "description": one_line(words.waiver(waiver)),
        "statement": one_line(waiver.reason) or "no reason is stated",
        "props": [
            _prop("findings", one.findings),
            *(_prop("approved-by", name) for name in waiver.approved_by),
            *(_prop("policy", name) for name in one.policies),
        ],
        "status": "deviation-approved",
        **({"deadline": waiver.expires_at} if waiver.expires_at else {}),
    }


def _open_risks(report: Report) -> Iterator[dict[str, Any]]:
    for framework, control in report.controls:
        if control.state == "not met":
            yield {
                "uuid": identify("risk", framework.name, control.id),
                "title": _line(f"{control.id} is not met"),
                "description": _line(f"{control.title} {counted(control.counts)}"),
                "statement": _line("; ".join(control.reasons)),
                "status": "open",
            }


def _finding(report: Report, framework: FrameworkReport, control: ControlState) -> dict[str, Any]:
    satisfied = control.state in ("met", "exempted")
    reason = {"met": "pass", "not met": "fail"}.get(control.state, "other")
    risks = [_exemption_id(report.exemptions[place]) for place in control.exemptions]
    risks += [] if control.state != "not met" else [identify("risk", framework.name, control.id)]
    observed = list(dict.fromkeys(_observation_id(one) for one in report.findings_of(control)))
    return {
        "uuid": identify("finding", framework.name, control.id),
        "title": _line(f"{control.id} {control.title}"),
        "description": _line("; ".join(control.reasons) or f"nothing fails {counted(control.counts)}"),
        "props": [
            _prop("control", f"{framework.name}/{control.id}"),
            _prop("state", control.state),
            *(_prop(name, getattr(control.counts, name)) for name in ("resources", "passed", "failed", "exempted")),
            *(_prop("besides", text) for text in control.manual),
        ],
        "target": {
            "type": "objective-id",
            "target-id": control_id(framework.name, control.id),
            "status": {"state": "satisfied" if satisfied else "not-satisfied", "reason": reason},
        },
        **({"related-observations": [{"observation-uuid": one} for one in observed]} if observed else {}),
        **({"related-risks": [{"risk-uuid": one} for one in risks]} if risks else {}),
    }


def component_definition(frameworks: Sequence[FrameworkView], moment: str, version: str) -> dict[str, Any]:
    """Which policy implements which control, a component for each policy."""
    titles: dict[str, str] = {}
    served: dict[str, dict[str, list[ControlView]]] = {}
    for framework in frameworks:
        for control in framework.controls:
            for one in control.policies:
                titles[one.policy] = one.title
                served.setdefault(one.policy, {}).setdefault(framework.name, []).append(control)
    by_name = {one.name: one for one in frameworks}
    components = [
        {
            "uuid": identify("component", name),
            "type": "policy",
            "title": _line(name),
            "description": _line(titles[name] or name),
            "control-implementations": [_implements(name, by_name[each], found) for each, found in by.items()],
        }
        for name, by in sorted(served.items())
    ]
    document = {
        "uuid": identify("component-definition", moment, version, *by_name),
        "metadata": _metadata("Policies and the controls that they serve", moment, version),
        **({"components": components} if components else {}),
    }
    return {"component-definition": document}


def _implements(policy: str, framework: FrameworkView, controls: Sequence[ControlView]) -> dict[str, Any]:
    return {
        "uuid": identify("implementation", policy, framework.name),
        "source": framework.reference or f"#{_OTHER.sub('_', framework.name)}",
        "description": _line(framework.title),
        "implemented-requirements": [
            {
                "uuid": identify("requirement", policy, framework.name, one.id),
                "control-id": control_id(framework.name, one.id),
                "description": _line(one.title),
                "props": [
                    _prop("control", f"{framework.name}/{one.id}"),
                    *(
                        _prop("not-asked", each.reason)
                        for each in one.policies
                        if each.policy == policy and each.reason
                    ),
                    *(_prop("besides", text) for text in one.manual),
                ],
            }
            for one in controls
        ],
    }
