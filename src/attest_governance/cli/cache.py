"""`attest policy cache`: what earlier checks and verified proofs came to, which later runs need not compute again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from attest_governance.adapters import evidence_cache
from attest_governance.cli.options import Format, application
from attest_governance.cli.saying import show
from attest_governance.cli.session import engine, evidence_place, is_of_project, results_place
from attest_governance.evaluate.messages import ResultsAnswer
from attest_governance.evaluate.requests import Results
from attest_governance.report.words import count, size

app = application("See and clear what earlier checks came to.")


@app.command()
def info(output_format: Format = "text") -> None:
    """Show what is kept, where, and whether checks use it."""
    answer = _ask()
    kept = _evidence()
    most = size(evidence_cache.MOST_BYTES)
    _show(answer, f"{_amount(answer)} of {size(answer.max)}", kept, f"{kept.amount} of {most}", output_format)


@app.command()
def clear(output_format: Format = "text") -> None:
    """Remove what is kept; the next check computes all anew."""
    kept = _evidence()
    answer = _ask(clear=True)
    evidence_cache.clear(Path(kept.folder))
    _show(answer, f"removed {_amount(answer)}", kept, f"removed {kept.amount}", output_format)


def _ask(*, clear: bool = False) -> ResultsAnswer:
    place = results_place()
    return engine().ask(Results(place.folder, place.key, clear=clear))


class _Evidence(msgspec.Struct):
    """What is kept of proofs."""

    folder: str
    files: int
    bytes: int
    unused: str
    """Why runs don't use it; empty where they do."""

    @property
    def amount(self) -> str:
        """How much that is, in words."""
        return f"{size(self.bytes)} in {count(self.files, 'file')}"


def _evidence() -> _Evidence:
    place = evidence_place()
    unused = f"`{place.folder}` is in the repository" if is_of_project(place) else ""
    return _Evidence(place.folder, *evidence_cache.amount(Path(place.folder)), unused)


def _amount(answer: ResultsAnswer) -> str:
    return f"{size(answer.bytes)} in {count(answer.files, 'file')}"


def _show(answer: ResultsAnswer, amount: str, kept: _Evidence, kept_amount: str, output_format: str) -> None:
    place = results_place()
    unused = f"`{place.folder}` is in the repository" if is_of_project(place) else answer.unused
    document = {"folder": place.folder, **msgspec.to_builtins(answer), "unused": unused, "evidence": kept}
    lines = [
        f"results of earlier checks in {place.folder}",
        f"not used: {unused}" if unused else amount,
        f"verified proofs in {kept.folder}",
        f"not used: {kept.unused}" if kept.unused else kept_amount,
    ]
    show(msgspec.to_builtins(document), lines, output_format)
