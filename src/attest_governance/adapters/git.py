"""Git, as far as governance needs it: which key signs, and how files were at a revision.

A repository is hostile: its settings and hooks are another person's programs, and a tag can bear the name of a branch.
So only commands that read objects are called, names are resolved here, and nothing of the environment leads elsewhere.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from attest_governance.errors import UsageError

_TIMEOUT = 60  # seconds
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
"""Of the variables of git: those that say where the user's own settings are, which a repository can't write."""
_VARIABLES = {
    "GIT_ALLOW_PROTOCOL": "none",  # objects that are missing stay so: fetching them starts what the repository names
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_SETTINGS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")
_REVISION = re.compile(r"(?P<name>[^\s~^:?*\[\\@{}-][^\s~^:?*\[\\@{}]*)(?P<parents>([~^][0-9]*)*)")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class Entry(msgspec.Struct, frozen=True):
    """What stands at a path: a file with its bytes, a link with its target, or another repository."""

    kind: Literal["file", "link", "repository"]
    content: bytes = b""


def signing_key(folder: Path) -> str:
    """The SSH key that signs commits in `folder`: a path, or a key; empty where none is set."""
    if _config(folder, "gpg.format") != "ssh":
        return ""
    return _config(folder, "user.signingkey")


def top(folder: Path) -> Path | None:
    """The repository that a folder is in: the nearest one; None where there is none."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), None)


def resolve(folder: Path, revision: str) -> str:
    """The commit that a revision names: a branch, here or of a remote, a full reference, or a commit; never a tag.

    Raises:
        UsageError: there is no such commit, or the name has several meanings.
    """
    none = UsageError(f"`{revision}` is no commit here", hint="fetch it first: `git fetch origin`")
    found = _REVISION.fullmatch(revision)
    if found is None:
        raise none
    reference = _reference(folder, found["name"]) or _beginning(folder, found["name"])
    commit = _git(folder, "rev-parse", "--verify", "--quiet", f"{reference}{found['parents']}^{{commit}}")
    if not reference or commit is None:
        raise none
    return commit.decode().strip()


def _reference(folder: Path, name: str) -> str:
    """The full name of a reference; git itself would look among the tags first, which anybody may push."""
    if name == "HEAD" or name.startswith("refs/"):
        return name if _known(folder, name) else ""
    branches = [full for full in (f"refs/remotes/{name}", f"refs/heads/{name}") if _known(folder, full)]
    if len(branches) > 1:
        raise UsageError(f"`{name}` names two branches", hint=f"say which: `{branches[0]}` or `{branches[1]}`")
    if not branches and _known(folder, f"refs/tags/{name}") and not _COMMIT.fullmatch(name):
        raise UsageError(f"`{name}` is a tag", hint=f"name a branch, or say `refs/tags/{name}`")
    return branches[0] if branches else ""


def _known(folder: Path, reference: str) -> bool:
    return _git(folder, "show-ref", "--verify", "--quiet", reference) is not None


def _beginning(folder: Path, name: str) -> str:
    """The one commit that begins so, whatever references are called the same."""
    if not _COMMIT.fullmatch(name):
        return ""
    objects = (_git(folder, "rev-parse", f"--disambiguate={name}") or b"").decode().split()
    commits = [one for one in objects if _git(folder, "cat-file", "-t", one) == b"commit\n"]
    return commits[0] if len(commits) == 1 else ""


def tree_at(folder: Path, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """All that stood below some paths at a commit, by path relative to `folder`.

    Raises:
        UsageError: git can't read them.
    """
    listed = _git(folder, "ls-tree", "-r", "-z", commit, "--", *(f"./{path}" for path in paths))
    if listed is None:
        raise UsageError(f"git can't list the files of `{commit}`")
    entries = [line.partition("\t") for line in listed.decode(errors="surrogateescape").split("\0") if line]
    about = [(name, *words.split(" ")) for words, _, name in entries]
    contents = iter(_contents(folder, [blob for _, mode, _, blob in about if mode != "160000"]))
    return {
        name: Entry("repository", blob.encode())
        if mode == "160000"
        else Entry("link" if mode == "120000" else "file", next(contents))
        for name, mode, _, blob in about
    }


def blobs_at(folder: Path, commit: str, *, whole: bool = False) -> dict[str, str]:
    """The files of a commit below `folder`, or in the whole repository, each with the name of its object."""
    listed = _git(folder, "ls-tree", "-r", "-z", *(["--full-tree"] if whole else []), commit) or b""
    pairs = [line.partition("\t") for line in listed.decode(errors="surrogateescape").split("\0") if line]
    return {name: about.rpartition(" ")[2] for about, _, name in pairs}


def ignored(folder: Path) -> tuple[str, ...]:
    """The files and folders below a folder that git does not track and is told to ignore, absolute and without links.

    What is tracked is never among them, so a branch can't hide a manifest by listing it. Nothing where git can't tell.
    """
    real = Path(os.path.realpath(folder))
    if top(real) is None:
        return ()
    listed = _git(real, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z") or b""
    return tuple(str(real / name) for name in listed.decode(errors="surrogateescape").split("\0") if name)


def _contents(folder: Path, blobs: Sequence[str]) -> list[bytes]:
    """The bytes of some objects, by one process.

    Raises:
        UsageError: one of them is missing or damaged.
    """
    answer = io.BytesIO(_git(folder, "cat-file", "--batch", given="\n".join(blobs).encode() + b"\n") or b"")
    contents: list[bytes] = []
    for blob in blobs:
        words = answer.readline().split()
        if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004 - name, type, size
            raise UsageError(f"git can't read `{blob}`", hint="the repository is damaged, or was fetched in part")
        contents.append(answer.read(int(words[2])))
        answer.read(1)
    return contents


def _config(folder: Path, name: str) -> str:
    found = _git(folder, "config", "--get", name)
    return found.decode(errors="replace").strip() if found else ""


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    # Git would also take a folder for a repository that only looks like one, which a branch can hold.
    here = [f"--git-dir={root / '.git'}", f"--work-tree={root}"] if (root := top(folder.absolute())) else []
    try:
        done = subprocess.run(
            ["git", *here, "--no-pager", "--no-replace-objects", *settings, *arguments],
            cwd=folder,
            env={**variables, **_VARIABLES},
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            input=given,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
