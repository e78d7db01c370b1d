"""`PYTHONPATH=tools python -m reference_pages`: writes the pages into `docs/reference`."""

from __future__ import annotations

from pathlib import Path

from reference_pages import checks, commands, configuration, policies, schemas

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def main() -> None:
    """Writes every page and schema, and removes the pages of policies that are gone."""
    configuration.write_reference(REFERENCE)
    for name in schemas.DOCUMENTS:
        (REFERENCE / schemas.FOLDER / name).write_text(schemas.schema_text(name), encoding="utf-8")
    (REFERENCE / commands.PAGE).write_text(commands.commands_page(), encoding="utf-8")
    (REFERENCE / checks.PAGE).write_text(checks.checks_page(), encoding="utf-8")
    pages = policies.policy_pages()
    for name, text in pages.items():
        (policies.FOLDER / name).write_text(text, encoding="utf-8")
    for old in policies.FOLDER.glob("*.md"):
        if old.name not in pages:
            old.unlink()


main()
