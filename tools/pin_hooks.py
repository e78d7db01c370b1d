"""Writes the versions of requirements/runtime.txt into .pre-commit-hooks.yaml, since pre-commit installs no lock.

    python tools/pin_hooks.py

`make lock` runs it; it uses the standard library alone.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOOKS = ROOT / ".pre-commit-hooks.yaml"
_ENTRY = re.compile(r"^([\w.-]+==[^\\\n]*?) \\$", re.MULTILINE)
_PINS = re.compile(r"(additional_dependencies: &locked\n)(?:    - .*\n)*")


def pinned(hooks: str, lock: str) -> str:
    """The hooks with the versions of a lock."""
    pins = "".join(f'    - "{entry}"\n' for entry in _ENTRY.findall(lock))
    return _PINS.sub(lambda match: match[1] + pins, hooks)


if __name__ == "__main__":
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    HOOKS.write_text(pinned(HOOKS.read_text(encoding="utf-8"), lock), encoding="utf-8")
