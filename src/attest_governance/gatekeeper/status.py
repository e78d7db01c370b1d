"""What Gatekeeper's audit says of a cluster, as the findings and problems that `check` has.

A constraint's status keeps only some violations (20 unless told otherwise) and their number
(`totalViolations`); what is not listed is said, never passed over. So is whatever means that a
constraint is not enforced: a Pod that refuses it or has not seen it, or an audit that never ran.
Statuses are written by whoever may write them, so any field may be missing or of the wrong kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from attest_governance.decide import Counted, Rules, decide
from attest_governance.gatekeeper import belonging
from attest_governance.gatekeeper.objects import ACTIONS, SEVERITY, TITLE
from attest_governance.model import Enforcement, Finding, Location, Outcome, Policy, Problem, Resource, Severity
from attest_governance.model.finding import SEVERITIES, in_order

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Object

_ENFORCEMENTS: dict[str, Enforcement] = {action: enforcement for enforcement, action in ACTIONS.items()}
_RANK: tuple[Enforcement, ...] = ("strict", "warn", "dryrun")
_WAIT = "wait for the next audit, or see whether Gatekeeper's audit runs"


class _Read(NamedTuple):
    """What one constraint amounts to."""

    policy: Policy
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]


def read_status(cluster: Cluster, *, names: Sequence[str] = (), rules: Rules | None = None) -> Outcome:
    """Reads the statuses of templates and constraints; `names`, `Kind/name` or globs of it, narrow the constraints.

    Raises:
        ClusterError: Gatekeeper is not installed or the cluster can't be asked.
    """
    templates = list(cluster.list(belonging.template_kinds(cluster)))
    read = [_constraint(each, _severity_of(each, templates)) for each in _constraints(cluster, names)]
    findings = tuple(sorted((finding for each in read for finding in each.findings), key=in_order))
    problems = (*_template_problems(templates, all_of_them=not names), *(one for each in read for one in each.problems))
    found = {(finding.resource.api_version, finding.resource.id) for finding in findings}
    return Outcome(
        summary=decide(findings, problems, Counted(resources=len(found), policies=len(read)), rules or Rules()),
        findings=findings,
        problems=problems,
        policies=tuple(each.policy for each in read),
    )


def _constraints(cluster: Cluster, names: Sequence[str]) -> Iterator[Object]:
    for kind in sorted(belonging.constraint_kinds(cluster), key=lambda kind: kind.kind):
        for value in cluster.list(kind):
            if not names or any(fnmatchcase(_name(value), name) for name in names):
                yield value


def _name(constraint: Object) -> str:
    return f"{constraint['kind']}/{constraint['metadata']['name']}"


def _severity_of(constraint: Object, templates: Sequence[Object]) -> Severity:
    """What the constraint's annotation says, else its template's, else medium."""
    names = ((_map(_map(_map(_map(each, "spec"), "crd"), "spec"), "names"), each) for each in templates)
    template = next((each for stated, each in names if _text(stated, "kind") == constraint["kind"]), {})
    for each in (constraint, template):
        stated = _text(_map(_map(each, "metadata"), "annotations"), SEVERITY).lower()
        for severity in SEVERITIES:
            if severity == stated:
                return severity
    return "medium"


def _constraint(value: Object, severity: Severity) -> _Read:
    status, name = _map(value, "status"), _name(value)
    listed = _maps(status, "violations")
    findings = tuple(_finding(name, severity, each) for each in listed)
    problems = (*_unlisted(name, status, len(listed)), *_pods(name, value), *_unaudited(name, status))
    annotations = _map(_map(value, "metadata"), "annotations")
    action = _text(_map(value, "spec"), "enforcementAction") or "deny"
    policy = Policy(
        name=name,
        engine="gatekeeper",
        title=_text(annotations, TITLE),
        severity=severity,
        enforcement=_ENFORCEMENTS.get(action, ""),
    )
    return _Read(policy, findings, problems)


def _finding(policy: str, severity: Severity, violation: Mapping[str, Any]) -> Finding:
    version, kind = _text(violation, "version"), _text(violation, "kind")
    resource = Resource(
        api_version="/".join(part for part in (_text(violation, "group"), version) if part),
        kind=kind,
        name=_text(violation, "name"),
        namespace=_text(violation, "namespace"),
    )
    return Finding(
        policy=policy,
        engine="gatekeeper",
        rule="violation",
        severity=severity,
        enforcement=_enforcement(violation),
        message=_text(violation, "message"),
        resource=resource,
        location=Location(f"<cluster>/{resource.id}", 1, 1, 1, 1),
    )


def _enforcement(violation: Mapping[str, Any]) -> Enforcement:
    """The strongest action of a violation; an unknown one counts as a denial."""
    actions = violation.get("enforcementActions")
    stated = actions if isinstance(actions, list) and actions else [violation.get("enforcementAction")]
    found = {_ENFORCEMENTS.get(str(action), "strict") for action in stated}
    return next(each for each in _RANK if each in found)


def _unlisted(name: str, status: Mapping[str, Any], listed: int) -> Iterator[Problem]:
    total = status.get("totalViolations")
    if not isinstance(total, int) or total <= listed:
        return
    hint = "let Gatekeeper keep more (--constraint-violations-limit), or check the manifests themselves"
    message = f"`{name}` has {total} violations, of which {total - listed} are not listed"
    # With none listed, nothing else would keep the cluster from seeming clean.
    yield Problem("warning" if listed else "error", "gatekeeper_unlisted", message, hint=hint, policy=name)


def _unaudited(name: str, status: Mapping[str, Any]) -> Iterator[Problem]:
    if not _text(status, "auditTimestamp"):
        message = f"`{name}` has not been audited yet: what it forbids may be there all the same"
        yield Problem("warning", "gatekeeper_unaudited", message, hint=_WAIT, policy=name)


def _pods(name: str, value: Object) -> Iterator[Problem]:
    pods = _maps(_map(value, "status"), "byPod")
    if not pods:
        yield _unenforced(name, "no Pod of Gatekeeper has reported on it")
    for pod in pods:
        who = _text(pod, "id") or "a Pod"
        for error in _maps(pod, "errors"):
            yield _unenforced(name, f"{who} refuses it: {_text(error, 'message')}")
        if pod.get("enforced") is not True:
            yield _unenforced(name, f"{who} does not enforce it")
        elif _number(pod, "observedGeneration") < _number(_map(value, "metadata"), "generation"):
            message = f"`{name}` is enforced in an older form by {who}"
            yield Problem("warning", "gatekeeper_outdated", message, hint="look again in some seconds", policy=name)


def _unenforced(name: str, why: str) -> Problem:
    hint = "see the status of the constraint and of its template (`kubectl describe`)"
    return Problem("error", "gatekeeper_unenforced", f"`{name}` is not enforced: {why}", hint=hint, policy=name)


def _template_problems(templates: Sequence[Object], *, all_of_them: bool) -> Iterator[Problem]:
    for template in templates if all_of_them else ():
        name = template["metadata"]["name"]
        for pod in _maps(_map(template, "status"), "byPod"):
            for error in _maps(pod, "errors"):
                who = _text(pod, "id") or "a Pod"
                message = f"the template `{name}` is refused by {who}: {_text(error, 'message')}"
                yield Problem("error", "gatekeeper_template", message, hint="mend the template and install it again")


def _number(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) else 0


def _map(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _maps(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
