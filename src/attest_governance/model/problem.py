"""A problem: something that kept us from deciding, or that a person should know. Never a verdict."""

from __future__ import annotations

from typing import Literal

import msgspec


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """An error or a warning about an input, a policy, the configuration or the engine.

    `code` is stable and machine-readable (`manifest_syntax`, `rego_parse_error`, `eval_timeout`, …);
    errors make the verdict `error` (exit 2), warnings are shown only.
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    hint: str = ""
    policy: str = ""
    resource: str = ""

    @property
    def where(self) -> str:
        """`file:line:column` as far as it is known, or an empty string."""
        if not self.file or not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"
