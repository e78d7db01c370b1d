"""The words, times and sizes that all formats for people share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.model import Enforcement, Finding, Outcome, Resource, Skipped, Summary, Verdict, Waiver
    from attest_governance.model.trace import Complaint

VERDICTS: dict[Verdict, str] = {"allow": "allowed", "deny": "denied", "error": "could not decide"}
ENFORCEMENTS: dict[Enforcement, str] = {"strict": "violation", "warn": "warning", "dryrun": "dry run"}
WAIVERS = {
    "declared": "declared exemption",
    "annotated": "self-declared exemption",
    "approved": "approved exemption",
    "override": "emergency override",
    "baseline": "baseline",
}


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 resource`, `2 resources`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def standing(finding: Finding | Complaint) -> str:
    """What a finding means for the verdict: violation, warning, dry run or exempted."""
    return "exempted" if finding.waiver else ENFORCEMENTS[finding.enforcement]


def resource(subject: Resource) -> str:
    """`Pod prod/web`, `ClusterRole admin` without a namespace, `Job` without a name."""
    name = "/".join(part for part in (subject.namespace, subject.name) if part)
    return f"{subject.kind} {name}" if name else subject.kind


def asides(subject: Resource) -> tuple[str, ...]:
    """What else is to be said of a resource: what it was rendered from, and which kustomization it is a patch of."""
    rendered = (f"rendered from {subject.template}",) if subject.template else ()
    return (*rendered, f"a patch of {subject.fragment}") if subject.fragment else rendered


def origin(subject: Resource) -> str:
    """The resource with what else is to be said of it: `Pod prod/web, rendered from shop/templates/pod.yaml`."""
    return ", ".join((resource(subject), *asides(subject)))


def rendered(finding: Finding) -> str:
    """How a finding about what was rendered says so: `, as helm renders charts/web`; empty for a manifest as it is."""
    made = finding.rendered
    return f", as {made.tool} renders {made.folder}" if made is not None else ""


_RENDERED = 5
"""How many rendered folders are named."""


def renderings(outcome: Outcome, *, verbose: bool) -> list[str]:
    """Which folders were rendered, and by what; no lines where none was."""
    made = [f"{one.folder} ({one.tool})" for one in outcome.rendered if one.problem is None]
    if not made:
        return []
    shown = made if verbose else made[:_RENDERED]
    more = (
        f" and {count(len(made) - len(shown), 'more folder')}; --verbose names them" if len(made) > len(shown) else ""
    )
    return [f"rendered {', '.join(shown)}{more}"]


def waiver(cover: Waiver) -> str:
    """`approved exemption by alice, bob until 2026-01-01T00:00:00Z: reason`."""
    by = f" by {', '.join(cover.approved_by)}" if cover.approved_by else ""
    until = f" until {cover.expires_at}" if cover.expires_at else ""
    reason = f": {cover.reason}" if cover.reason else ""
    return f"{WAIVERS[cover.kind]}{by}{until}{reason}"


def summary(total: Summary) -> str:
    """`2 violations, 1 warning in 14 resources (9 policies): denied`."""
    counts = [count(total.violations, "violation") if total.violations else "no violations"]
    if total.warnings:
        counts.append(count(total.warnings, "warning"))
    if total.dryrun:
        counts.append(f"{total.dryrun} in dry run")
    if total.exempted:
        counts.append(f"{total.exempted} exempted")
    if total.errors:
        counts.append(count(total.errors, "error"))
    where = f"{count(total.resources, 'resource')} ({count(total.policies, 'policy', 'policies')})"
    return f"{', '.join(counts)} in {where}: {VERDICTS[total.verdict]}{_why(total)}"


def _why(total: Summary) -> str:
    """Why a verdict is not what the counts seem to say."""
    if total.verdict == "deny" and not total.violations:
        return ", since warnings count under --strict"
    if total.verdict == "allow" and total.violations:
        return ", since violations are shown only: see `policy.fail_on_violation` and --fail-on"
    return ""


def skipped(outcome: Outcome, *, verbose: bool) -> list[str]:
    """What was no resource, and the files and folders that were left out: each under `--verbose`, else their number.

    That number is without files that were judged all the same, as they are rendered.
    """
    if verbose:
        return [f"skipped: {one.where}: {one.reason}" for one in outcome.skipped]
    judged = {one.instead for one in outcome.rendered}
    unseen = [one for one in outcome.skipped if one.reason not in judged]
    return [f"skipped {kinds_of(unseen)}; --verbose says why"] if unseen else []


def kinds_of(skipped: Sequence[Skipped]) -> str:
    """How much was no resource, and how much was left out, in words; empty for nothing."""
    documents = sum(one.line > 0 for one in skipped)
    left_out = len(skipped) - documents
    what = [count(documents, "document that is no resource", "documents that are no resources")] if documents else []
    what += [count(left_out, "file or folder", "files or folders")] if left_out else []
    return " and ".join(what)


def duration(nanoseconds: float) -> str:
    """A time with a unit that suits it: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`."""
    for limit, unit, digits in ((1e3, "ns", 0), (1e6, "µs", 1), (1e9, "ms", 2)):
        if abs(nanoseconds) < limit:
            return f"{nanoseconds / (limit / 1e3):.{digits}f} {unit}"
    return f"{nanoseconds / 1e9:.2f} s"


def size(number: int) -> str:
    """Bytes with a unit that suits them."""
    for limit, unit in ((1 << 10, "B"), (1 << 20, "KiB"), (1 << 30, "MiB")):
        if number < limit:
            return f"{number / (limit >> 10):.0f} {unit}" if unit == "B" else f"{number / (limit >> 10):.1f} {unit}"
    return f"{number / (1 << 30):.1f} GiB"
