"""What the commands for authors of policies share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.request import Request


def policy_request(policies: Sequence[str], request: Request) -> Request:
    """A request that means the policies of files and folders, or those of the configuration by name.

    A word that is the path of something, or could only be one, is a path.

    Raises:
        UsageError: for both at once.
    """
    folders = tuple(word for word in policies if is_path(word))
    names = tuple(word for word in policies if not is_path(word))
    if folders and names:
        raise UsageError(f"`{names[0]}` is a name and `{folders[0]}` a path", hint="give either names or paths")
    return msgspec.structs.replace(request, folders=folders, names=names)


def is_path(word: str) -> bool:
    """Whether a word means a path rather than the name of a policy."""
    return Path(word).exists() or any(mark in word for mark in ("/", "\\")) or word.endswith((".rego", ".yaml", ".yml"))
