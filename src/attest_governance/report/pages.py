"""Pages that need nothing else: what every page is made of, and how what others wrote gets into it.

Names, messages and source lines are written by others: every text is escaped, and each page forbids itself to load or
to send anything.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files

from attest_governance import clean


def rules(script: str = "") -> str:
    """The Content-Security-Policy of a page that runs this script and no other, and loads and sends nothing."""
    allowed = f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'; form-action 'none'"


def part(name: str) -> str:
    """A file that pages are made of."""
    return files("attest_governance.report").joinpath("static", name).read_text(encoding="utf-8")


def text(value: object) -> str:
    """A value as harmless text on one line, between tags or in an attribute that is quoted."""
    return escape(clean.one_line(str(value)), quote=True)
