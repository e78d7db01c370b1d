"""A compliance report as one page that needs nothing else, for reading and for print.

It answers, in this order: what the verdict is and of what; what failed and where; since when; who excused what until
when; what nobody looked at; and where the proof is. It can be read without script, which only filters and sorts.
However many findings there are, the page stays one that opens: of each policy it shows the worst ones, and counts the
rest by file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TextIO

from attest_governance.model.compliance import DISCLAIMER, STATES
from attest_governance.model.finding import SEVERITIES
from attest_governance.report import words
from attest_governance.report.compliance_plots import over_time, states
from attest_governance.report.json_document import to_json
from attest_governance.report.pages import part, rules, text

if TYPE_CHECKING:
    from attest_governance.model.compliance import (
        ControlState,
        ExemptionUse,
        FrameworkReport,
        PolicyEvidence,
        PolicyUse,
        Report,
        ReportedFinding,
    )
    from attest_governance.model.history import Moment
    from attest_governance.model.problem import Problem
    from attest_governance.report.registry import ReportOptions

MOST_OF_A_POLICY = 200
"""Findings of one policy that the page shows; the rest are counted by file."""
MOST_OF_ALL = 5000
_MOST_OF_A_CONTROL = 5
_MOST_FILES = 20
_MOST_PEOPLE = 3
_MOST_SKIPPED = 100
_MARKS = {"not met": "✕", "partly met": "◐", "not assessed": "?", "exempted": "⚑", "met": "✓", "manual": "✎"}
_VERDICTS = {"met": "Met", "not met": "Not met", "undecided": "Could not be decided"}
_ORIGINS = {
    "manifests": "manifests",
    "findings": "the findings of a check",
    "cluster": "an audit of a cluster",
    "decisions": "the decisions of an admission server",
}
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}):[0-9]{2}Z")
_ORDER = {severity: place for place, severity in enumerate(SEVERITIES)}


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """Writes the page."""
    out.writelines(page(report))


def page(report: Report, *, printed: bool = False) -> Iterator[str]:
    """The page, piece by piece; `printed` is for paper: everything is open, and there is no script."""
    script = "" if printed else part("compliance.js")
    title = f"Compliance report: {', '.join(one.title for one in report.frameworks)}"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{rules(script)}">'
    yield f"<title>{text(title)}</title><style>{part('compliance.css')}</style></head>\n<body>"
    yield '<a class="skip" href="#controls">Skip to the controls</a>'
    body = _Page(report, printed=printed)
    yield from chain(body.cover(), ["<main>"], body.sections(), ["</main>"], body.foot())
    yield f"<script>{script}</script>" if script else ""
    yield "</body></html>\n"


class _Page:
    """The parts of a page of one report."""

    def __init__(self, report: Report, *, printed: bool) -> None:
        self._report = report
        self._open = " open" if printed else ""
        self._groups = _groups(report.findings)
        self._shown = _shown(self._groups)
        self._ids = {name: f"policy-{place}" for place, name in enumerate(self._groups)}

    def cover(self) -> Iterator[str]:
        """What the report is about, and what it comes to."""
        report, scope = self._report, self._report.scope
        verdict = _VERDICTS[report.verdict]
        yield '<header><p class="kind">Compliance report</p>'
        yield f"<h1>{'<br>'.join(map(_framework_title, report.frameworks))}</h1>"
        yield f'<p class="verdict {_slug(report.verdict)}"><span class="word">{verdict}</span> '
        yield f"{text(_outcome(report))}</p>"
        if errors := [one for one in report.problems if one.severity == "error"]:
            said = words.count(len(errors), "error")
            yield f'<p class="alarm" role="alert"><strong>{said} kept parts of this report from being decided.'
            yield "</strong> "
            yield f'The first: {text(errors[0].message)} <a href="#problems">All of them</a></p>'
        yield f'<p class="caution">{text(DISCLAIMER)}</p><dl class="facts">'
        yield _fact("Made", _when(report.generated_at))
        inside = f" in {words.count(scope.files, 'file')}" if scope.files else ""
        yield _fact("Looked at", f"{words.count(scope.resources, 'resource')}{inside}, from {_ORIGINS[scope.origin]}")
        if scope.cluster:
            yield _fact("Cluster", f"{_code(scope.cluster)}, as it was {_when(scope.at)}")
        if scope.max_age:
            yield _fact("Evidence", f"no older than {text(scope.max_age)}")
        if scope.since or scope.until:
            begin = _when(scope.since) if scope.since else "the beginning"
            yield _fact("Period", f"{begin} to {_when(scope.until or report.generated_at)}")
        if scope.origin == "decisions":
            yield _fact("Decisions", f"{scope.decisions}, of which {scope.prevented} refused what was asked")
        if scope.paths:
            yield _fact("Of", text(", ".join(scope.paths)))
        yield _fact("Made with", f"attest {text(report.version)}")
        yield _fact("Policy set", _code(report.policy_set or "not known"), ' class="long"')
        yield "</dl></header>\n"

    def sections(self) -> Iterator[str]:
        """All that is below the cover."""
        yield from self._answers()
        yield from self._plots()
        yield from self._controls()
        yield from self._findings()
        yield from self._exemptions()
        yield from self._not_looked_at()
        yield from self._policies()
        yield from self._problems()
        yield from self._proof()

    def foot(self) -> Iterator[str]:
        """What a page that was printed or passed on still says."""
        report = self._report
        yield f"<footer><p>{text(DISCLAIMER)} Made {_when(report.generated_at)} with attest {text(report.version)}.</p>"
        yield "</footer>\n"

    def _answers(self) -> Iterator[str]:
        """The questions that a reader comes with, each answered in a sentence that leads to the rest."""
        report = self._report
        failed = Counter(control.state for _, control in report.controls if control.state in ("not met", "partly met"))
        worst = ", ".join(f"{number} {state}" for state, number in failed.items())
        counting = sum(one.finding.waiver is None for one in report.findings)
        excused = sum(one.findings for one in report.exemptions)
        ends = sorted(one.waiver.expires_at for one in report.exemptions if one.waiver.expires_at)
        since = sorted(one.since for one in report.findings if one.since and one.finding.waiver is None)
        known = f"The oldest since {_when(since[0])}" if since else "Not known: no earlier report was given"
        until = f"; the first to end does so at {_when(ends[0])}" if ends else ""
        yield '<section aria-labelledby="answers"><h2 id="answers">In short</h2><dl class="answers">'
        yield _answer("What failed?", f"Controls: {worst}" if failed else "No control", "#controls")
        yield _answer("Where?", f"{words.count(counting, 'finding')} that nobody excused{_inside(report)}", "#findings")
        yield _answer("Since when?", known, "#findings")
        people = dict.fromkeys(name for one in report.exemptions for name in one.waiver.approved_by)
        by = f" by {text(_few(tuple(people)))}" if people else ""
        yield _answer("Who excused what?", f"{words.count(excused, 'finding')} exempted{by}{until}", "#exemptions")
        yield _answer("What was not looked at?", text(_unseen(report)), "#unseen")
        yield _answer("Where is the proof?", "Policies by digest, findings by line, and the pack", "#proof")
        yield "</dl></section>\n"

    def _plots(self) -> Iterator[str]:
        yield '<section aria-labelledby="plots"><h2 id="plots">Controls by category</h2>'
        for framework in self._report.frameworks:
            yield f"<figure><figcaption>{text(framework.title)}: controls of each category by their state</figcaption>"
            yield f'<div class="scroll" tabindex="0" role="region" aria-label="Plot of {text(framework.title)}">'
            yield from states(framework)
            yield f"</div>{_legend([one for one in STATES if framework.states.get(one)])}</figure>"
        if len(past := self._report.past) > 1:
            yield "<figure><figcaption>Findings that nobody excused, at each report, by severity</figcaption>"
            yield '<div class="scroll" tabindex="0" role="region" aria-label="Plot over time">'
            yield from over_time(past)
            yield f"</div>{_legend(SEVERITIES)}{_past_table(past, self._open)}</figure>"
        yield "</section>\n"

    def _controls(self) -> Iterator[str]:
        yield '<section aria-labelledby="controls"><h2 id="controls" tabindex="-1">Controls</h2>'
        yield '<form class="tools" id="filter" hidden><label>Find <input type="search" id="find"></label><fieldset>'
        yield "<legend>State</legend>"
        for state in STATES:
            yield f'<label><input type="checkbox" name="state" value="{state}" checked> {_badge(state)}</label>'
        yield '</fieldset><button type="button" id="open">Open all</button>'
        yield '<p id="hits" aria-live="polite"></p></form>'
        for framework in self._report.frameworks:
            yield from self._framework(framework)
        yield "</section>\n"

    def _framework(self, framework: FrameworkReport) -> Iterator[str]:
        told = ", ".join(f"{number} {state}" for state, number in framework.states.items() if number)
        about = f"{words.count(len(framework.controls), 'control')}: {told}."
        yield f'<h3>{_framework_title(framework)}</h3><p class="dim">{text(about)} {text(framework.reference)}</p>'
        yield '<div class="scroll" tabindex="0" role="region"'
        yield f' aria-label="Controls of {text(framework.title)}"><table class="controls"><thead><tr>'
        yield '<th scope="col">Control</th><th scope="col">State</th><th scope="col" class="n">Looked at</th>'
        yield '<th scope="col" class="n">Passed</th><th scope="col" class="n">Failed</th>'
        yield '<th scope="col" class="n">Exempted</th></tr></thead>\n'
        for control in framework.controls:
            yield from self._control(framework, control)
        yield "</table></div>\n"

    def _control(self, framework: FrameworkReport, control: ControlState) -> Iterator[str]:
        counts, name = control.counts, f"{framework.name}/{control.id}"
        least = "at least " if counts.at_least else ""
        numbers = [f"{least}{counts.resources}", *map(str, (counts.passed, counts.failed, counts.exempted))]
        if not control.policies:
            numbers = ["-"] * len(numbers)  # zeros would say that something was looked for
        kinds = ["n", "n", "n bad" if counts.failed else "n", "n"]
        yield f'<tbody data-state="{control.state}" id="{_anchor(name)}"><tr><th scope="row">'
        yield f'<b class="id">{text(control.id)}</b> {text(control.title)}</th><td>{_badge(control.state)}</td>'
        yield from (f'<td class="{kind}">{number}</td>' for kind, number in zip(kinds, numbers, strict=True))
        yield f'</tr><tr class="evidence"><td colspan="6"><details{self._open}><summary>Evidence for '
        yield f"{text(control.id)}</summary>"
        yield from self._evidence(control, name)
        yield "</details></td></tr></tbody>\n"

    def _evidence(self, control: ControlState, name: str) -> Iterator[str]:
        yield from _list("Why", control.reasons, 4)
        yield from _list("To be shown besides, which no policy can", control.manual, 4)
        if control.limits:
            yield f"<h4>What to know of it</h4><p>{text(control.limits)}</p>"
        if control.policies:
            yield '<h4>Policies</h4><div class="scroll" tabindex="0" role="region"'
            yield f' aria-label="Policies for {text(name)}"><table><thead><tr><th scope="col">Policy</th>'
            yield '<th scope="col" class="n">Looked at</th><th scope="col" class="n">Passed</th>'
            yield '<th scope="col" class="n">Failed</th><th scope="col" class="n">Exempted</th></tr></thead><tbody>'
            yield from map(self._policy_evidence, control.policies)
            yield "</tbody></table></div>"
        yield from self._worst(control)

    def _policy_evidence(self, one: PolicyEvidence) -> str:
        rules = f' <span class="dim">{text(", ".join(one.rules))}</span>' if one.rules else ""
        why = f'<br><span class="why">Shows nothing: {text(one.reason)}</span>' if one.reason else ""
        counts = one.counts
        numbers = (counts.resources, counts.passed, counts.failed, counts.exempted)
        cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
        return f'<tr><th scope="row">{self._policy(one.policy)}{rules}{why}</th>{cells}</tr>'

    def _policy(self, name: str) -> str:
        """A policy, leading to its findings where it has any."""
        if name not in self._ids:
            return f"<code>{text(name)}</code>"
        return f'<a href="#{self._ids[name]}"><code>{text(name)}</code></a>'

    def _worst(self, control: ControlState) -> Iterator[str]:
        found = sorted(control.findings, key=lambda place: _weight(self._report.findings[place]))
        if not found:
            return
        yield f'<h4>{words.count(len(found), "finding").capitalize()}</h4><ul class="findings">'
        for place in found[:_MOST_OF_A_CONTROL]:
            yield f"<li>{_finding(self._report.findings[place], self._policy)}</li>"
        yield "</ul>"
        if len(found) > _MOST_OF_A_CONTROL:
            counted = Counter(self._report.findings[place].finding.policy for place in found)
            led = ", ".join(f"{self._policy(name)} ({number})" for name, number in counted.most_common())
            yield f"<p>These are the worst. All of them, by policy: {led}</p>"

    def _findings(self) -> Iterator[str]:
        yield '<section aria-labelledby="findings"><h2 id="findings">Findings</h2>'
        if not self._groups:
            yield "<p>Nothing was found.</p></section>\n"
            return
        about = "By policy, the worst first. Each says where, since when, and who excused it until when."
        yield f'<p class="dim">{about}</p>'
        for name, found in self._groups.items():
            counting = sum(one.finding.waiver is None for one in found)
            yield f'<details class="group" id="{self._ids[name]}"{self._open}><summary><code>{text(name)}</code> '
            excused = f", {len(found) - counting} exempted" if counting < len(found) else ""
            yield f"{words.count(counting, 'finding')}{excused}</summary>"
            shown = self._shown[name]
            yield '<ul class="findings">'
            yield from (f"<li>{_finding(one, _code)}</li>\n" for one in found[:shown])
            yield f"</ul>{_rest(found[shown:])}</details>\n"
        yield "</section>\n"

    def _exemptions(self) -> Iterator[str]:
        report = self._report
        yield '<section aria-labelledby="exemptions"><h2 id="exemptions">Exemptions</h2>'
        if report.exemptions:
            heads = ("Exemption", "Excused by", "Until", "Reason", "Policies", "Findings")
            yield from _table("Table of exemptions", heads, map(_exemption, report.exemptions))
        else:
            yield "<p>Nobody excused anything.</p>"
        yield from _list("Over: their findings count", report.expired)
        yield "</section>\n"

    def _not_looked_at(self) -> Iterator[str]:
        unseen = self._report.not_looked_at
        yield '<section aria-labelledby="unseen"><h2 id="unseen">What was not looked at</h2>'
        if not any((unseen.kinds, unseen.controls, unseen.policies, unseen.skipped, unseen.namespaces, unseen.other)):
            yield "<p>Nothing that was given was left out, and every control has a policy or is manual.</p>"
        kinds = (f"{one.kind}: {words.count(one.resources, 'resource')}" for one in unseen.kinds)
        yield from _list("Kinds of resources of which no policy of these frameworks speaks", kinds)
        yield from _list("Controls that no policy serves", unseen.controls)
        gaps = (f"{one.policy}: {one.reason}" for one in unseen.policies)
        yield from _list("Policies that were not asked, or do not deny", gaps)
        yield from _list("Namespaces outside", unseen.namespaces)
        yield from _list("Else", unseen.other)
        skipped = [f"{one.where}: {one.reason}" for one in unseen.skipped[:_MOST_SKIPPED]]
        more = len(unseen.skipped) - len(skipped)
        told = f"and {more} more, which --format json lists"
        yield from _list("What is no resource, or left out", (*skipped, *((told,) if more else ())))
        yield "</section>\n"

    def _policies(self) -> Iterator[str]:
        heads = ("Policy", "Enforcement", "Looked at", "Passed", "Failed", "Exempted")
        yield '<section aria-labelledby="policies"><h2 id="policies">Policies</h2>'
        yield from _table("Table of policies", heads, map(_policy_use, self._report.policies))
        yield "</section>\n"

    def _problems(self) -> Iterator[str]:
        report = self._report
        if report.problems or report.notices:
            yield '<section aria-labelledby="problems"><h2 id="problems">Problems and notices</h2>'
            yield from _list("", (f"{one.severity}: {_at(one)}{one.message}" for one in report.problems))
            yield from _list("", report.notices)
            yield "</section>\n"

    def _proof(self) -> Iterator[str]:
        digest = _code(self._report.policy_set or "not known")
        yield '<section aria-labelledby="proof"><h2 id="proof">Where the proof is</h2>'
        yield "<p>This page is a copy that anybody can alter. The digest of the policy set that judged is "
        yield f"{digest}; each policy is named above with the digest of its file, each finding with file, line and "
        yield "column.</p><p>The proof is a pack: the report with policies, findings, approvals and the head of the "
        yield "audit trail, in one signed file. Whoever has it, and knows whose keys to trust, verifies it without "
        yield "network: <code>attest compliance verify PACK --signers FILE</code>. <code>attest compliance pack</code> "
        yield "makes it.</p></section>\n"


def _groups(findings: Iterable[ReportedFinding]) -> dict[str, list[ReportedFinding]]:
    """Findings by policy, the worst first, and the policy with the worst first."""
    groups: dict[str, list[ReportedFinding]] = {}
    for one in sorted(findings, key=_weight):
        groups.setdefault(one.finding.policy, []).append(one)
    return groups


def _weight(one: ReportedFinding) -> tuple[bool, int, str, str, int]:
    at = one.finding.location
    return (one.finding.waiver is not None, _ORDER[one.finding.severity], one.finding.policy, at.file, at.line)


def _shown(groups: dict[str, list[ReportedFinding]]) -> dict[str, int]:
    """How many findings of each policy are shown."""
    left, shown = MOST_OF_ALL, {}
    for name, found in groups.items():
        shown[name] = min(left, MOST_OF_A_POLICY, len(found))
        left -= shown[name]
    return shown


def _rest(found: Sequence[ReportedFinding]) -> str:
    """Findings that are not shown, counted by file."""
    if not found:
        return ""
    files = Counter(one.finding.location.file for one in found)
    named = ", ".join(f"<code>{text(file)}</code> ({number})" for file, number in files.most_common(_MOST_FILES))
    more = f" and {len(files) - _MOST_FILES} more files" if len(files) > _MOST_FILES else ""
    return f'<p class="rest">{len(found)} more, in {named}{more}. <code>--format json</code> has all of them.</p>'


def _finding(one: ReportedFinding, policy: Any) -> str:  # noqa: ANN401 (how a policy is named)
    finding = one.finding
    at = finding.location
    place = f"{at.file}:{at.line}:{at.column}" + (f" {at.path}" if at.path else "")
    since = f'<span class="since">since {_when(one.since)}</span>' if one.since else ""
    waived = (
        f'<br><span class="waiver">{_badge("exempted")} {text(words.waiver(finding.waiver))}</span>'
        if finding.waiver
        else ""
    )
    fix = f'<br><span class="fix">{text(finding.fix)}</span>' if finding.fix else ""
    return (
        f'<span class="sev {finding.severity}">{finding.severity}</span> {text(finding.message)}'
        f'<br><span class="where">{text(words.origin(finding.resource))} <code>{text(place)}</code> {since}'
        f" by {policy(finding.policy)}, {words.ENFORCEMENTS[finding.enforcement]}</span>{waived}{fix}"
    )


def _code(name: str) -> str:
    return f"<code>{text(name)}</code>"


def _exemption(one: ExemptionUse) -> tuple[str, ...]:
    waiver = one.waiver
    named = " ".join(filter(None, (waiver.id, waiver.source and f"({waiver.source})")))
    until = _when(waiver.expires_at) if waiver.expires_at else "no end"
    by = text(", ".join(waiver.approved_by)) or "nobody is named"
    kind = f"{words.WAIVERS[waiver.kind]} "
    return (kind + _code(named), by, until, text(waiver.reason), text(", ".join(one.policies)), str(one.findings))


def _policy_use(one: PolicyUse) -> tuple[str, ...]:
    named = _code(one.name) + (f" {text(one.title)}" if one.title else "")
    if one.file:
        shown = "/".join(one.file.split("/")[-2:]) + " (ships with attest)" if one.shipped else one.file
        named += f'<br><span class="where"><code>{text(shown)}</code> <code>{text(one.digest)}</code></span>'
    if one.parameters:
        named += f'<br><span class="where">with <code>{text(to_json(one.parameters, -1))}</code></span>'
    enforced = one.enforcement if one.enforced else f"{one.enforcement}, for this report alone"
    counts = one.counts
    numbers = map(str, (counts.resources, counts.passed, counts.failed, counts.exempted))
    return (named, text(enforced if one.asked else "was not asked"), *numbers)


def _table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; its cells are markup, those of numbers to the right."""
    numbers = frozenset(("Looked at", "Passed", "Failed", "Exempted", "Findings"))
    kinds = [' class="n"' if head in numbers else "" for head in heads]
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><thead><tr>'
    yield from (f'<th scope="col"{kind}>{head}</th>' for head, kind in zip(heads, kinds, strict=True))
    yield "</tr></thead><tbody>\n"
    for row in rows:
        cells = (f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True))
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n"


def _list(head: str, items: Iterable[str], level: int = 3) -> Iterator[str]:
    """A list of sentences under a head of this level; nothing where there is none."""
    every = iter(items)
    for first in islice(every, 1):
        yield f"<h{level}>{head}</h{level}>" if head else ""
        yield "<ul>" + "".join(f"<li>{text(one)}</li>" for one in chain((first,), every)) + "</ul>"


def _fact(head: str, markup: str, kind: str = "") -> str:
    return f"<div{kind}><dt>{head}</dt><dd>{markup}</dd></div>"


def _answer(question: str, markup: str, target: str) -> str:
    return f'<div><dt>{question}</dt><dd><a href="{target}">{markup}</a></dd></div>'


def _outcome(report: Report) -> str:
    """How many controls are in which state, in words."""
    numbers = Counter(control.state for _, control in report.controls)
    told = ", ".join(f"{numbers[state]} {state}" for state in STATES if numbers[state])
    return f"{words.count(numbers.total(), 'control')}: {told}"


def _inside(report: Report) -> str:
    """In how many files, or of how many objects of a cluster, there are findings that nobody excused."""
    places = {one.finding.location.file for one in report.findings if one.finding.waiver is None}
    what = "object" if report.scope.cluster else "file"
    return f", in {words.count(len(places), what)}" if places else ""


def _few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_PEOPLE
    return ", ".join(names[:_MOST_PEOPLE]) + (f" and {more} more" if more > 0 else "")


def _unseen(report: Report) -> str:
    unseen = report.not_looked_at
    parts = (
        (len(unseen.controls), "control", "controls", "without a policy"),
        (len(unseen.policies), "policy", "policies", "not asked, or not denying"),
        (sum(one.resources for one in unseen.kinds), "resource", "resources", "of which no policy speaks"),
        (len(unseen.namespaces), "namespace", "namespaces", "outside"),
        (len(unseen.skipped), "document", "documents", "skipped"),
    )
    told = (f"{words.count(number, one, many)} {what}" for number, one, many, what in parts if number)
    return "; ".join((*told, *unseen.other)) or "Nothing that was given"


def _framework_title(framework: FrameworkReport) -> str:
    version = f' <span class="version">{text(framework.version)}</span>' if framework.version else ""
    return f"{text(framework.title)}{version}"


def _badge(state: str) -> str:
    """A state as a mark and a word: neither colour nor mark says it alone."""
    return f'<span class="badge {_slug(state)}"><span aria-hidden="true">{_MARKS[state]}</span> {state}</span>'


def _legend(names: Iterable[str]) -> str:
    entries = (f'<li><i class="swatch {_slug(name)}"></i>{name}</li>' for name in names)
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _past_table(past: Sequence[Moment], opened: str) -> str:
    """The numbers of the plot, for those who would rather read than look."""
    heads = "".join(f'<th scope="col" class="n">{severity}</th>' for severity in SEVERITIES)
    rows = (
        f'<tr><th scope="row">{_when(one.at)}</th>'
        + "".join(f'<td class="n">{one.severities.get(severity, 0)}</td>' for severity in SEVERITIES)
        + "</tr>"
        for one in past
    )
    return (
        f'<details{opened}><summary>The same as a table</summary><table><thead><tr><th scope="col">Report</th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></details>"
    )


def _when(moment: str) -> str:
    """A moment, to the minute and in UTC, as people read it; the machine's form goes along."""
    found = _MOMENT.fullmatch(moment)
    shown = f"{found[1]} {found[2]} UTC" if found else moment
    return f'<time datetime="{text(moment)}">{text(shown)}</time>'


def _at(problem: Problem) -> str:
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part)
    return f"{place}: " if place else ""


def _slug(state: str) -> str:
    return state.replace(" ", "-")


def _anchor(name: str) -> str:
    """An id in the page: ids of controls may hold anything."""
    return "control-" + re.sub(r"[^A-Za-z0-9.-]", lambda found: f"_{ord(found[0]):x}_", name)
