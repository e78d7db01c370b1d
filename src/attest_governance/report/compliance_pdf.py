"""A compliance report as PDF: the page on paper, through WeasyPrint, which is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TextIO

from attest_governance.errors import OutputError
from attest_governance.report.compliance_html import page

if TYPE_CHECKING:
    from attest_governance.model.compliance import Report
    from attest_governance.report.registry import ReportOptions


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """Writes the document, whose bytes depend on the report alone.

    Raises:
        OutputError: WeasyPrint, or a library of the system that it needs, is not installed.
    """
    data = printed("".join(page(report, printed=True)))
    out.flush()
    out.buffer.write(data)


def printed(text: str) -> bytes:
    """The PDF of a page, which fetches nothing: a report holds all that it shows.

    What others wrote in it is text. Should it ever be more, it reads no file and asks no host.

    Raises:
        OutputError: as `write`.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415 (an extra, and slow to import)
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except (ImportError, OSError) as error:
        hint = "run `pip install weasyprint`, or write --format html and print that"
        raise OutputError(f"PDF needs the package `weasyprint`: {error}", hint=hint) from None

    class Nothing(URLFetcher):  # type: ignore[misc, unused-ignore]  # it has no types
        def fetch(self, url: str, *_: object, **__: object) -> NoReturn:
            raise ValueError(f"a report loads nothing: {url}")

    data: bytes = HTML(string=text, url_fetcher=Nothing()).write_pdf()
    return data
