"""What earlier reports say: since when a finding has been there without a break, and how many there were each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.comply.packs.archive import MAX_BYTES, is_pack, unpack
from attest_governance.comply.packs.contents import REPORT
from attest_governance.decoding import decode
from attest_governance.errors import InputError
from attest_governance.exempt.times import format_instant
from attest_governance.model.compliance_document import SCHEMA
from attest_governance.model.finding import fingerprint
from attest_governance.model.history import Moment

if TYPE_CHECKING:
    from pathlib import Path

    from attest_governance.load.files import Files
    from attest_governance.model import Finding

_HINT = "name a pack, or what `attest compliance report --format json` wrote"


class _Seen(msgspec.Struct, frozen=True):
    fingerprint: str
    severity: str
    standing: str
    since: str = ""


class Earlier(msgspec.Struct, frozen=True, rename="camel"):
    """An earlier report, as far as it matters here."""

    schema: str
    generated_at: str
    findings: tuple[_Seen, ...]

    @property
    def moment(self) -> Moment:
        """How many findings there were that nobody had excused."""
        counting = (one.severity for one in self.findings if one.standing != "exempted")
        return Moment(self.generated_at, dict(Counter(counting)))


class History:
    """Earlier reports, and the moment of the one that is being made.

    Args:
        reports: in any order.
        now: the moment of the report.

    Raises:
        InputError: a report was made later than the one that is being made.
    """

    def __init__(self, reports: Iterable[Earlier], now: datetime) -> None:
        self._now = format_instant(now)
        self._reports = sorted(reports, key=lambda one: one.generated_at)
        if self._reports and self._reports[-1].generated_at > self._now:
            late = self._reports[-1].generated_at
            raise InputError(f"an earlier report is of {late}, and it is {self._now}", hint="set the clock right")
        self._since = self._runs()

    def _runs(self) -> dict[str, str]:
        """Since when each finding of the last report has been there: a report without it breaks the run."""
        since: dict[str, str] = {}
        for report in self._reports:
            present = {one.fingerprint: one.since or report.generated_at for one in report.findings}
            since = {name: min(since.get(name, begin), begin) for name, begin in present.items()}
        return since

    def since(self, finding: Finding) -> str:
        """The first moment at which a finding is known to have been found, up to now without a break."""
        return self._since.get(fingerprint(finding), self._now)

    def moments(self, findings: Sequence[Finding]) -> tuple[Moment, ...]:
        """How many findings there were at each report, and are there now."""
        counting = Counter[str](one.severity for one in findings if one.waiver is None)
        return (*(one.moment for one in self._reports), Moment(self._now, dict(counting)))


def read_earlier(path: Path, files: Files) -> Earlier:
    """Reads an earlier report: what `report --format json` wrote, or a pack, whose signature is not verified here.

    Raises:
        InputError: it can't be read, or is no report.
    """
    data = files.read(path, "earlier report", limit=MAX_BYTES)
    if is_pack(data):
        data = unpack(data, str(path)).get(REPORT, b"")
    try:
        read = decode(data, Earlier)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the earlier report can't be read: {error}", file=str(path), hint=_HINT) from error
    if read.schema != SCHEMA:
        raise InputError(f"the report has the schema `{read.schema}`, not `{SCHEMA}`", file=str(path), hint=_HINT)
    return read
