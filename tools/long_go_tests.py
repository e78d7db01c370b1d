"""Runs in full the Go tests that a quick run shortens: those that ask `testing.Short()`, and no others a second time.

`python tools/long_go_tests.py FOLDER` works on the module in that folder, with the `go` of the PATH.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TIMEOUT = "30m"


def shortened(text: str, file: Path) -> set[str]:
    """The tests of a file that are shortened.

    Raises:
        SystemExit: something else asks, of which it can't be told which tests it shortens.
    """
    names = set[str]()
    for part in re.split(r"^(?=func )", text, flags=re.MULTILINE):
        if "testing.Short()" in part:
            named = re.match(r"func (Test\w+)\(", part)
            if not named:
                raise SystemExit(f"{file}: let each test that a quick run shortens ask testing.Short() itself")
            names.add(named[1])
    return names


def main(module: Path) -> int:
    """Runs them; the exit code is that of `go test`."""
    names, packages = set[str](), set[str]()
    others = [one.parent for one in module.rglob("go.mod") if one.parent != module]
    for file in sorted(module.rglob("*_test.go")):
        if any(map(file.is_relative_to, others)):
            continue
        if found := shortened(file.read_text(encoding="utf-8"), file):
            names |= found
            packages.add(f"./{file.parent.relative_to(module)}")
    if not names:
        return 0
    command = ["go", "test", "-timeout", TIMEOUT, "-run", f"^({'|'.join(sorted(names))})$", *sorted(packages)]
    return subprocess.run(command, cwd=module, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
