"""`attest config get|set|show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli import saying
from attest_governance.cli.options import Format, application
from attest_governance.cli.session import engine, known_policies, settings_here
from attest_governance.errors import ConfigurationError
from attest_governance.evaluate.requests import Validate
from attest_governance.load import configuration_view as view
from attest_governance.load.configuration_editing import parsed_value, set_value
from attest_governance.load.configuration_files import global_file
from attest_governance.load.configuration_keys import find_target
from attest_governance.load.leaving import configured_filter
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
    _refuse_what_is_not(key, value, file)
    changed = set_value(file, key, value)
    saying.show(view.SetDocument(key, str(file), changed), (), shown_as)
    if shown_as == "text":
        saying.tell(f"{'set' if changed else 'already set'}: {key} in {file}")

    source = settings_here().source(find_target(key).key)
    if source.file != str(file):
        saying.tell(f"notice: here it is set by {source}, which counts before the global file")


def _refuse_what_is_not(key: str, value: str, file: Path) -> None:
    """Refuses a value that means something which there is not: no check could go by it.

    Raises:
        AttestError: with what there is, where that is known.
    """
    given = parsed_value(key, value)
    settings = settings_here(overrides={key: given})
    if key.startswith("policies."):
        name, known = str(find_target(key).key[1]), known_policies()
        refuse_unknown(name, known)
        refuse(one for one in check_parameters(Standings(settings), known, complete=False) if one.policy == name)
    elif key in ("policy.policy_bundle_path", "policy.policy_bundle_key") and value:
        _refuse_no_file(key, value, file)
    elif key == "policy.policy_bundle_url" and value:
        from attest_governance.adapters.http import check_url  # noqa: PLC0415 (TLS is slow to import)

        check_url(value)
    elif key in ("policy.include", "policy.exclude"):
        configured_filter(settings, Path.cwd())
    elif key == "policy.kubernetes_version" and value:
        refuse(engine().ask(Validate((), (), (), kubernetes=value)).problems, lambda _: ConfigurationError)
    elif key == "policy.shipped":
        shipped = [policy for policy in known_policies() if policy.shipped]
        for name in settings.policy.shipped or ():
            refuse_unknown(name, shipped)


def _refuse_no_file(key: str, value: str, file: Path) -> None:
    """A relative path in the global file starts at its folder, `~/` at home."""
    path = Path.home() / value[2:] if value.startswith("~/") else file.parent / value
    if not path.exists():
        raise ConfigurationError(
            f"`{key}`: there is no `{path}`", hint="name a path that is there, absolute or from `~/`"
        )


@app.command("show")
def show(shown_as: Format = "text") -> None:
    """Print everything that is in force, where each value comes from, and which policies frameworks ask for."""
    settings = settings_here()
    compliance = settings.compliance
    enabled = compliance.soc2.enabled or compliance.gdpr.enabled or compliance.hipaa.enabled
    found = view.show_settings(settings, known_policies() if enabled else ())
    saying.show(view.ShowDocument(tuple(map(str, settings.files)), found), _lines(found), shown_as)


def _lines(found: tuple[view.Setting, ...]) -> list[str]:
    width = max((len(one.key) for one in found), default=0)
    return [view.setting_line(one, width) for one in found]
