"""`attest policy cache`: what earlier checks came to, which later ones need not compute again."""

from __future__ import annotations

import msgspec

from attest_governance.cli.options import Format, application
from attest_governance.cli.saying import show
from attest_governance.cli.session import engine, is_of_project, results_place
from attest_governance.evaluate.messages import ResultsAnswer
from attest_governance.evaluate.requests import Results
from attest_governance.report.words import count, size

app = application("See and clear what earlier checks came to.")


@app.command()
def info(output_format: Format = "text") -> None:
    """Show what is kept, where, and whether checks use it."""
    answer = _ask()
    _show(answer, f"{_amount(answer)} of {size(answer.max)}", output_format)


@app.command()
def clear(output_format: Format = "text") -> None:
    """Remove what is kept; the next check computes all anew."""
    answer = _ask(clear=True)
    _show(answer, f"removed {_amount(answer)}", output_format)


def _ask(*, clear: bool = False) -> ResultsAnswer:
    place = results_place()
    return engine().ask(Results(place.folder, place.key, clear=clear))


def _amount(answer: ResultsAnswer) -> str:
    return f"{size(answer.bytes)} in {count(answer.files, 'file')}"


def _show(answer: ResultsAnswer, amount: str, output_format: str) -> None:
    place = results_place()
    unused = f"`{place.folder}` is in the repository" if is_of_project(place) else answer.unused
    document = {"folder": place.folder, **msgspec.to_builtins(answer), "unused": unused}
    lines = [f"results of earlier checks in {place.folder}", f"not used: {unused}" if unused else amount]
    show(document, lines, output_format)
