"""`attest config get|set|show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli import saying
from attest_governance.cli.options import Format, application
from attest_governance.cli.session import known_policies, settings_here
from attest_governance.load import configuration_view as view
from attest_governance.load.configuration_editing import parsed_value, set_value
from attest_governance.load.configuration_files import global_file
from attest_governance.load.configuration_keys import find_target
from attest_governance.load.parameters import check_parameters
from attest_governance.load.selection import refuse_unknown
from attest_governance.load.standing import Standings
from attest_governance.model.problem import refuse

app = application("Show and change the configuration.")


Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as policy.debug or policies.NAME.enforcement.")]


@app.command("get")
def get(key: Key, shown_as: Format = "text") -> None:
    """Print the value that is in force: of one key, or of every key of a section."""
    found = view.get_settings(settings_here(), key)
    alone = [one.key for one in found] == [key]
    saying.show(view.GetDocument(found), [view.value_text(found[0])] if alone else _lines(found), shown_as)


@app.command("set")
def set_(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Lists are separated by commas.")],
    shown_as: Format = "text",
) -> None:
    """Set a value in the global file, which keeps its comments and all else that is in it."""
    file = global_file(Path.home(), os.environ)
    _refuse_what_is_not(key, value)
    changed = set_value(file, key, value)
    saying.show(view.SetDocument(key, str(file), changed), (), shown_as)
    if shown_as == "text":
        saying.tell(f"{'set' if changed else 'already set'}: {key} in {file}")

    source = settings_here().source(find_target(key).key)
    if source.file != str(file):
        saying.tell(f"notice: here it is set by {source}, which counts before the global file")


def _refuse_what_is_not(key: str, value: str) -> None:
    """Refuses a setting of a policy that there is not, or of a parameter that it has not.

    Raises:
        AttestError: with the nearest name.
    """
    if not key.startswith("policies."):
        return
    settings = settings_here(overrides={key: parsed_value(key, value)})
    name, known = str(find_target(key).key[1]), known_policies()
    refuse_unknown(name, known)
    refuse(one for one in check_parameters(Standings(settings), known, complete=False) if one.policy == name)


@app.command("show")
def show(shown_as: Format = "text") -> None:
    """Print everything that is in force, and where each value comes from."""
    settings = settings_here()
    found = view.show_settings(settings)
    saying.show(view.ShowDocument(tuple(map(str, settings.files)), found), _lines(found), shown_as)


def _lines(found: tuple[view.Setting, ...]) -> list[str]:
    width = max((len(one.key) for one in found), default=0)
    return [view.setting_line(one, width) for one in found]
