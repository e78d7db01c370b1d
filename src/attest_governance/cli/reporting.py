"""What the commands of compliance share: a report with what it was made from, be it files or what was found earlier."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance import __version__
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here, settings_here
from attest_governance.comply.assess import assess
from attest_governance.comply.evidence import LARGEST, Evidence, Limit, of_document, of_outcome
from attest_governance.comply.period import Period, of_decisions, outcome_of
from attest_governance.comply.serving import asked_policies
from attest_governance.errors import UsageError
from attest_governance.exempt.times import parse_duration, parse_moment
from attest_governance.load.decision_log import decisions_of, read_decisions
from attest_governance.load.files import Files
from attest_governance.model import Outcome
from attest_governance.model.compliance import Report
from attest_governance.model.sources import Manifests
from attest_governance.request import Request
from attest_governance.runtime import Runtime

if TYPE_CHECKING:
    from attest_governance.comply.history import History
    from attest_governance.comply.serving import Asked
    from attest_governance.load.settings import Settings
    from attest_governance.model.compliance import Framework

Frameworks = Annotated[
    list[str] | None,
    typer.Option(
        "--framework", metavar="NAME", help="A framework, by name or path; those of the configuration if none; repeats."
    ),
]

Earlier = Annotated[
    list[Path] | None,
    typer.Option(
        "--history",
        metavar="FILE",
        help="An earlier report (JSON) or pack, taken at its word: it tells since when findings are there; repeats.",
    ),
]


PAST = ("findings", "decisions", "since", "until", "max_age")
"""The fields of `Past`, as options."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What was found earlier, to report on in place of files."""

    findings: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Report on what `attest policy check` or `attest cluster audit` wrote as JSON, not on PATH.",
        ),
    ] = None
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="FILE", help="Report on a decision log of `attest serve`, not on PATH."),
    ] = None
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="With --decisions: a time (RFC 3339), or a duration ago.")
    ] = ""
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="With --decisions: the end, exclusive.")] = ""
    max_age: Annotated[
        str,
        typer.Option(
            "--max-age",
            metavar="DURATION",
            help="What passed longer ago than this (`30d`), in an audit or a decision log, is not looked at.",
        ),
    ] = ""

    def ensure(self, paths: Sequence[str] | None) -> None:
        """Insists that there is one thing to report on, and that the options are about it.

        Raises:
            UsageError: they are not.
        """
        if sum(map(bool, (paths, self.findings, self.decisions))) > 1:
            raise UsageError("PATH, --from and --decisions are each what to report on", hint="give one of them")
        if (self.since or self.until) and not self.decisions:
            raise UsageError("--since and --until are about a decision log", hint="name it with --decisions")
        if self.max_age and not (self.findings or self.decisions):
            raise UsageError("--max-age is about what was found earlier", hint="name it with --from or --decisions")

    def period(self, now: datetime) -> Period:
        """The period of the decisions."""
        return Period(_moment("--since", self.since, now), _moment("--until", self.until, now))

    def limit(self, now: datetime) -> Limit:
        """How old what passed may be."""
        try:
            return Limit(now, parse_duration(self.max_age) if self.max_age else None)
        except ValueError as error:
            raise UsageError(f"--max-age: {error}", hint="give a duration") from error


def _moment(option: str, text: str, now: datetime) -> datetime | None:
    try:
        return parse_moment(text, now) if text else None
    except ValueError as error:
        raise UsageError(f"{option}: {error}", hint="or give a duration, such as 30d") from error


class Reported(msgspec.Struct, frozen=True):
    """A report with what it was made from."""

    report: Report
    runtime: Runtime
    outcome: Outcome | None
    """What was found; None where a document says it."""
    document: bytes = b""
    """The findings that it was made from, where a document says them."""
    log: bytes = b""
    """The decision log that it was made from, where it was kept."""


class _Found(msgspec.Struct, frozen=True):
    """What was found earlier."""

    evidence: Evidence
    outcome: Outcome | None = None
    document: bytes = b""
    log: bytes = b""


@contextmanager
def reporting_on(
    past: Past,
    frameworks: Sequence[str],
    request: Request,
    manifests: Manifests,
    now: datetime,
    *,
    earlier: Sequence[Path] = (),
    kept: bool = False,
) -> Iterator[Reported]:
    """A report on what was found earlier where that is named, and on manifests otherwise.

    Args:
        past: what was found earlier.
        frameworks: their names; those of the configuration if there are none.
        request: by which policies.
        manifests: what is judged where nothing was found earlier.
        now: the moment of the report.
        earlier: reports that tell since when findings are there.
        kept: whether the decision log is wanted, too.

    Raises:
        AttestError: nothing could be decided, or a file is not what it must be.
    """
    if not (past.findings or past.decisions):
        with reporting(frameworks, request, manifests, now, earlier) as made:
            yield made
        return
    wanted = msgspec.structs.replace(request, frameworks=tuple(frameworks) or configured(settings_here()))
    with open_here(wanted, now) as runtime:
        known = asked_policies(runtime.policies, runtime.selected, runtime.prepared.standings, runtime.loaded.read)
        found = _document(past, runtime, known, now) if past.findings else _log(past, runtime, known, now, kept=kept)
        problems = (*runtime.loaded.problems, *runtime.problems, *found.evidence.problems)
        evidence = msgspec.structs.replace(found.evidence, problems=problems)
        report = assessed(runtime.prepared.frameworks, known, evidence, now, earlier)
        yield Reported(report, runtime, found.outcome, found.document, found.log)


def _document(past: Past, runtime: Runtime, known: Mapping[str, Asked], now: datetime) -> _Found:
    path = past.findings or Path()
    data = Files().read(path, "document", limit=LARGEST)
    evidence = of_document(data, str(path), runtime.loaded.digest, known, past.limit(now))
    return _Found(evidence, document=data)


def _log(past: Past, runtime: Runtime, known: Mapping[str, Asked], now: datetime, *, kept: bool) -> _Found:
    path = past.decisions or Path()
    log = Files().read(path, "decision log", limit=LARGEST) if kept else b""
    evidence = of_decisions(
        str(path),
        decisions_of(io.BytesIO(log), str(path)) if kept else read_decisions(path),
        past.period(now),
        policies=tuple(name for name, one in known.items() if one.enforced),
        policy_set=runtime.loaded.digest,
        limit=past.limit(now),
    )
    return _Found(evidence, outcome_of(evidence), log=log)


@contextmanager
def reporting(
    frameworks: Sequence[str], request: Request, manifests: Manifests, now: datetime, earlier: Sequence[Path] = ()
) -> Iterator[Reported]:
    """Judges manifests by the policies of frameworks: the report with what it was made from, while that is loaded.

    Raises:
        AttestError: nothing could be decided.
    """
    names = tuple(frameworks) or configured(settings_here(manifests.paths))
    wanted = msgspec.structs.replace(request, frameworks=names, judged=manifests.paths, checked=True)
    with Progress("checking") as progress, open_here(wanted, now) as runtime:
        outcome = runtime.judge(manifests, now, progress.advance, recorded=False)
        known = asked_policies(runtime.policies, runtime.selected, runtime.prepared.standings, runtime.loaded.read)
        evidence = of_outcome(outcome, manifests.paths)
        report = assessed(runtime.prepared.frameworks, known, evidence, now, earlier)
        yield Reported(report, runtime, outcome)


def assessed(
    frameworks: Sequence[Framework],
    known: Mapping[str, Asked],
    evidence: Evidence,
    now: datetime,
    earlier: Sequence[Path] = (),
) -> Report:
    """What evidence shows of frameworks, and since when by earlier reports.

    Raises:
        InputError: an earlier report can't be read.
    """
    history = _history(earlier, now)
    if history is None:
        return assess(frameworks, known, evidence, now=now, version=__version__)
    evidence = msgspec.structs.replace(evidence, since=history.since)
    report = assess(frameworks, known, evidence, now=now, version=__version__)
    return msgspec.structs.replace(report, past=history.moments([one.finding for one in report.findings]))


def _history(earlier: Sequence[Path], now: datetime) -> History | None:
    if not earlier:
        return None
    from attest_governance.comply.history import History, read_earlier  # noqa: PLC0415 (packs are slow to import)

    files = Files()
    return History((read_earlier(path, files) for path in earlier), now)


def configured(settings: Settings) -> tuple[str, ...]:
    """The frameworks that the configuration switches on.

    Raises:
        UsageError: there is none.
    """
    compliance = settings.compliance
    found = tuple(name for name in ("soc2", "gdpr", "hipaa") if getattr(compliance, name).enabled)
    if not found:
        raise UsageError(
            "no framework is named", hint="pass --framework soc2, or switch one on: `compliance.soc2.enabled: true`"
        )
    return found
