"""A compliance report on paper: made from what it holds alone, whatever is written in it."""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any

import pytest

from attest_governance.errors import OutputError
from attest_governance.report.compliance_pdf import printed, write
from tests.report.compliance_values import report_of
from tests.report.values import options

try:
    import weasyprint
except (ImportError, OSError):
    weasyprint = None
needs_it = pytest.mark.skipif(weasyprint is None, reason="WEASYPRINT IS NOT INSTALLED: no PDF is made")
LOADING = (
    '<img src="{0}"><link rel="stylesheet" href="{0}"><style>@import url("{0}"); body {{ background: url("{0}") }}'
    '@font-face {{ font-family: x; src: url("{0}") }} * {{ font-family: x }}</style><object data="{0}"></object>'
    '<svg><image href="{0}"/></svg><a rel="attachment" href="{0}">x</a>'
)


def paper(text: str) -> bytes:
    """A report with this text everywhere."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    write(report_of(text), out, options())
    out.flush()
    data: bytes = out.buffer.getvalue()
    return data


@needs_it
def test_a_report_is_a_document_of_pages() -> None:
    data = paper("plain")
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")


@needs_it
def test_the_same_report_gives_the_same_bytes() -> None:
    assert paper("plain") == paper("plain")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened and asked; a host that is asked is not reached."""
    found: list[str] = []
    real = builtins.open

    def opened(file: Any, *arguments: Any, **more: Any) -> Any:
        found.append(str(file))
        return real(file, *arguments, **more)

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr("socket.socket.connect", lambda *arguments: found.append(str(arguments)))
    return found


@pytest.mark.slow
@needs_it
@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://203.0.113.1/x"])
def test_neither_text_nor_markup_that_got_in_loads_anything(
    place: str, alone: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The page escapes what others write; should it ever fail to, nothing is fetched either."""
    assert paper(LOADING.format(place)).startswith(b"%PDF-")
    assert "loads nothing" not in caplog.text
    assert printed(LOADING.format(place)).startswith(b"%PDF-")
    assert f"a report loads nothing: {place}" in caplog.text
    assert not [one for one in alone if "passwd" in one or "203.0.113.1" in one]


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(OutputError, match="PDF needs the package `weasyprint`") as raised:
        paper("plain")
    assert "pip install weasyprint" in raised.value.hint
