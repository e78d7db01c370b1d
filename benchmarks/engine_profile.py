"""Makes the profile that the compiler of the engine is given: which of its functions are asked most.

python benchmarks/engine_profile.py        writes engine/profile.pgo, in about a minute

The loads are those of the other benchmarks, drawn with another seed; templates of the public library are among them
where $GATEKEEPER_LIBRARY names a checkout. What the profile does not know is compiled as ever
(docs/adr/0074-profile-for-the-compiler.md).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from generate import generate
from run import POLICIES
from varied import write_varied

from gatekeeper import cases

ENGINE = Path(__file__).resolve().parents[1] / "engine"
FILES = 300
SECONDS = 6
"""That each load is judged again and again."""
SEED = 11


def write_loads(folder: Path) -> None:
    """Writes folders of policies and manifests."""
    for number, case in enumerate(cases()):
        policies, manifests = _made(folder / f"templates-{number}")
        case.write(policies, manifests, FILES, seed=SEED)
    for name, write in (("few", generate), ("many", write_varied)):
        policies, manifests = _made(folder / name)
        shutil.copytree(POLICIES, policies, dirs_exist_ok=True)
        write(FILES, manifests, seed=SEED)


def _made(folder: Path) -> tuple[Path, Path]:
    """The two folders of a load."""
    policies, manifests = folder / "policies", folder / "manifests"
    policies.mkdir(parents=True)
    manifests.mkdir()
    return policies, manifests


def main() -> None:
    """Writes the loads, judges them, and keeps the profile."""
    with tempfile.TemporaryDirectory(prefix="attest-profile-") as scratch:
        write_loads(Path(scratch, "loads"))
        made = Path(scratch, "profile.pgo")
        test = ["go", "test", "-trimpath", "-run=^$", "-bench=^BenchmarkLoads$", f"-benchtime={SECONDS}s"]
        environment = os.environ | {"ATTEST_LOADS": str(Path(scratch, "loads")), "CGO_ENABLED": "0"}
        subprocess.run(
            [*test, f"-cpuprofile={made}", "-o", Path(scratch, "check.test"), "./internal/check"],
            cwd=ENGINE,
            env=environment,
            check=True,
        )
        shutil.copyfile(made, ENGINE / "profile.pgo")


if __name__ == "__main__":
    main()
