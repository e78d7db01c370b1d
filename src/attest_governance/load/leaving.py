"""What of folders is not looked at: patterns of `policy.include` and `policy.exclude`, and of the flags (ADR 0031).

`pathspec` reads the patterns as git does; the engine, which walks, matches what they come to. Patterns of the
configuration start at the project, those of flags where somebody stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.errors import AttestError, UsageError
from attest_governance.load.configuration import located
from attest_governance.model.sources import PathFilter, PathRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from attest_governance.load.settings import Settings


def configured_filter(settings: Settings, start: Path) -> PathFilter | None:
    """What the configuration leaves out; None where it says nothing.

    Raises:
        ConfigurationError: a pattern is none.
    """
    options = settings.policy

    def wrong(name: str, index: int, message: str) -> AttestError:
        return located(settings, ("policy", name, index), message, _HINT)

    return _filter(settings.root or start, options.include, options.exclude, "`policy.{}`", wrong)


def given_filter(start: Path, include: Sequence[str], exclude: Sequence[str]) -> PathFilter | None:
    """What flags leave out; None where none is given.

    Raises:
        UsageError: a pattern is none.
    """

    def wrong(name: str, _: int, message: str) -> AttestError:
        return UsageError(f"--{name}: {message}", hint=_HINT)

    return _filter(start, include, exclude, "--{}", wrong)


_HINT = "write it as in .gitignore: `vendor/`, `*.tmpl.yaml`, `/k8s/samples`, `!keep.yaml`"


def _filter(
    base: Path,
    include: Sequence[str],
    exclude: Sequence[str],
    named: str,
    wrong: Callable[[str, int, str], AttestError],
) -> PathFilter | None:
    if not include and not exclude:
        return None
    return PathFilter(
        base=str(base),
        include=tuple(_rules("include", include, named, wrong)),
        exclude=tuple(_rules("exclude", exclude, named, wrong)),
    )


def _rules(
    name: str, patterns: Sequence[str], named: str, wrong: Callable[[str, int, str], AttestError]
) -> Iterator[PathRule]:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - few projects have patterns

    for index, pattern in enumerate(patterns):
        try:
            read = GitIgnoreSpecPattern(pattern)
        except ValueError:
            read = None
        if read is None or read.regex is None or read.include is None:
            raise wrong(name, index, f"`{pattern}` is no pattern of paths")
        yield PathRule(pattern=pattern, regex=read.regex.pattern, matches=read.include, origin=named.format(name))
