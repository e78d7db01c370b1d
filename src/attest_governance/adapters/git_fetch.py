"""Fetches one commit of a repository that nobody vouches for into a folder of its own.

Nothing of what is fetched runs, and nothing of it leads elsewhere: the files are written here, object by object. Git
itself checks out nothing, so no hook, filter, attribute, submodule or link of the repository has a say. Its process
is limited in time, memory and bytes, speaks one protocol with one address, and follows no redirect.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

from attest_governance.errors import InputError, NetworkError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TARGET = "refs/attest/target"
_LIMITED = 'ulimit -f "$1" && ulimit -v "$2" && ulimit -t "$3" && shift 3 && exec "$@"'
_SSH_PORT = 22
_BLOCK = 512
"""What a shell counts the size of files in."""
_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.bigFileThreshold=1m",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "init.defaultBranch=main",
    "maintenance.auto=false",
    "pack.threads=1",
)
_GONE = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no such ref", re.IGNORECASE)


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything a repository may take."""

    seconds: float = 120.0
    pack_bytes: int = 256 << 20
    memory_bytes: int = 2 << 30
    files: int = 20_000
    file_bytes: int = 4 << 20
    """Of one file; larger ones are left out."""
    total_bytes: int = 128 << 20
    depth: int = 20
    """Commits of history, by which receipts of earlier commits are found."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a Secret holds; all of it may be empty."""

    username: str = ""
    password: str = ""
    ssh_private_key: str = ""
    known_hosts: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A repository and the address at which it is asked, whatever its name resolves to later."""

    url: str
    scheme: str
    host: str
    port: int
    address: str


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a commit in a folder."""

    folder: Path
    commit: str
    left_out: Mapping[str, str] = {}
    """Why a path is not there, by path."""


class CommitGoneError(InputError):
    """The repository has no such branch, tag or commit (any more)."""


def fetch(
    place: Place,
    revision: str,
    folder: Path,
    *,
    limits: FetchLimits = FetchLimits(),  # noqa: B008 (frozen)
    credentials: Credentials = Credentials(),  # noqa: B008 (frozen)
) -> str:
    """Fetches a revision with a little history into the repository `folder`, which is made, and returns its commit.

    Args:
        place: where to ask.
        revision: `HEAD`, a branch, a full reference, or a whole commit.
        folder: an empty folder.
        limits: what it may cost.
        credentials: how to authenticate.

    Raises:
        CommitGoneError: there is no such revision.
        NetworkError: the repository can't be reached, refuses, or passes a limit.
    """
    run = _Git(folder, place, limits, credentials)
    run("init", "--quiet", "--template=", str(folder))
    run(
        *("fetch", "--quiet", f"--depth={limits.depth}", "--no-tags", "--no-recurse-submodules"),
        *("--no-write-fetch-head", "--no-auto-maintenance", "--", place.url, f"+{_reference(revision)}:{_TARGET}"),
    )
    found = run("rev-parse", "--verify", f"{_TARGET}^{{commit}}").strip()
    run("update-ref", "--no-deref", "HEAD", found)
    return found


def remote_commit(place: Place, revision: str, *, limits: FetchLimits, credentials: Credentials, scratch: Path) -> str:
    """The commit that a revision names by now, without fetching it.

    Raises:
        CommitGoneError: there is no such revision.
        NetworkError: the repository can't be reached.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    name = _reference(revision)
    listed = _Git(scratch, place, limits, credentials)("ls-remote", "--quiet", "--", place.url, name, f"{name}^{{}}")
    found = {at: one for one, _, at in (line.partition("\t") for line in listed.splitlines())}
    commit = found.get(f"{name}^{{}}") or found.get(name, "")
    if not _COMMIT.fullmatch(commit):
        raise _gone(revision)
    return commit


def write_files(folder: Path, commit: str, limits: FetchLimits = FetchLimits()) -> Checkout:  # noqa: B008 (frozen)
    """Writes the files of a fetched commit beside their repository; links, submodules and large files are left out.

    Raises:
        InputError: there are too many files or bytes, or names that lead elsewhere.
    """
    left: dict[str, str] = {}
    wanted: list[tuple[str, str]] = []
    total = 0
    for mode, name, size, path in _entries(folder, commit, limits):
        _check_path(path)
        reason = _left_out(mode, size, limits)
        if reason:
            left[path] = reason
            continue
        total += size
        if total > limits.total_bytes:
            raise InputError(f"the repository holds more than {limits.total_bytes >> 20} MiB of files")
        wanted.append((name, path))
    _write(folder, wanted, limits)
    return Checkout(folder=folder, commit=commit, left_out=left)


def raw_commit(folder: Path, commit: str) -> bytes:
    """The bytes of a commit, as its author signed them.

    Raises:
        InputError: it is not there.
    """
    return _local(folder, "cat-file", "commit", commit)


def tree_of(folder: Path, commit: str) -> dict[str, str]:
    """The names of all objects of a commit by their paths.

    Raises:
        InputError: it is not there.
    """
    listed = _local(folder, "ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="surrogateescape")
    pairs = [line.partition("\t") for line in listed.split("\0") if line]
    return {path: about for about, _, path in pairs}


def history(folder: Path, commit: str) -> frozenset[str]:
    """The commits that are at hand before and with a commit.

    Raises:
        InputError: it is not there.
    """
    return frozenset(_local(folder, "rev-list", "--first-parent", commit).decode().split())


def _reference(revision: str) -> str:
    """A branch is a branch: a tag that bears its name is another thing, which anybody may push."""
    if revision == "HEAD" or revision.startswith("refs/") or _COMMIT.fullmatch(revision):
        return revision
    return f"refs/heads/{revision}"


def _gone(revision: str) -> CommitGoneError:
    return CommitGoneError(
        f"the repository has no revision `{revision}`",
        hint="name a branch, a tag as refs/tags/NAME, or a whole commit in `targetRevision`",
    )


_KEPT = (
    ("PATH", "PATH"),
    ("SSL_CERT_FILE", "SSL_CERT_FILE"),
    ("SSL_CERT_DIR", "SSL_CERT_DIR"),
    # Which of these counts depends on the TLS library that git was built with.
    ("SSL_CERT_FILE", "GIT_SSL_CAINFO"),
    ("SSL_CERT_DIR", "GIT_SSL_CAPATH"),
)
"""What of our environment git is given, and under which name."""


class _Git:
    """Runs git against one place."""

    def __init__(self, folder: Path, place: Place, limits: FetchLimits, credentials: Credentials) -> None:
        self._folder, self._place, self._limits, self._credentials = folder, place, limits, credentials

    def __call__(self, *arguments: str) -> str:
        """Its output.

        Raises:
            NetworkError: it failed, or passed a limit.
        """
        limits = self._limits
        blocks, kilobytes = limits.pack_bytes // _BLOCK, limits.memory_bytes >> 10
        limited = ["sh", "-c", _LIMITED, "git", str(blocks), str(kilobytes), str(int(limits.seconds) + 1)]
        pinned = f"http.curloptResolve={self._place.host}:{self._place.port}:{self._place.address}"
        settings = [word for one in (*_SETTINGS, pinned) for word in ("-c", one)]
        process = subprocess.Popen(
            [*limited, "git", "--no-pager", *settings, *arguments],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, said = process.communicate(timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise NetworkError(
                f"fetching `{self._place.url}` took more than {limits.seconds:g} s",
                hint="a smaller repository, or a greater --fetch-timeout",
            ) from None
        finally:
            _end(process)
        if process.returncode:
            raise self._refusal(arguments, said.decode(errors="replace"))
        return out.decode(errors="replace")

    def _refusal(self, arguments: tuple[str, ...], said: str) -> NetworkError | CommitGoneError:
        if _GONE.search(said):
            return _gone(arguments[-1].partition(":")[0].lstrip("+").removeprefix("refs/heads/"))
        shown = _reason(said)
        return NetworkError(
            f"`{self._place.url}` can't be fetched: {shown}", hint="check the URL, the revision and the credentials"
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[given] for given, name in _KEPT if given in os.environ}
        more = {
            "HOME": str(self._folder),
            "LC_ALL": "C",
            "GIT_ALLOW_PROTOCOL": self._place.scheme,
            "GIT_ASKPASS": "false",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
        }
        return {**kept, **more, **self._authorization()}

    def _authorization(self) -> dict[str, str]:
        """Secrets travel in the environment and in files: arguments can be read by others on the machine."""
        if self._place.scheme == "ssh":
            return {"GIT_SSH_COMMAND": self._ssh(), "GIT_SSH_VARIANT": "ssh"}
        if not self._credentials.password:
            return {}
        pair = f"{self._credentials.username or 'git'}:{self._credentials.password}".encode()
        header = f"Authorization: Basic {base64.b64encode(pair).decode()}"
        return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}

    def _ssh(self) -> str:
        secrets = self._folder.parent / f"{self._folder.name}.secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        key, hosts = secrets / "key", secrets / "known_hosts"
        _secret(key, self._credentials.ssh_private_key)
        _secret(hosts, self._credentials.known_hosts)
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "20",
            "GlobalKnownHostsFile": os.devnull,
            "HostKeyAlias": _known_as(self._place),
            "HostName": self._place.address,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": str(key),
            "ProxyCommand": "none",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(hosts),
        }
        return " ".join(["ssh", "-F", os.devnull, *(f"-o {name}='{value}'" for name, value in options.items())])


def _reason(said: str) -> str:
    """What git says is why; where it says no more than that it could not read, what ssh said before."""
    lines = [line.strip().rstrip(".") for line in said.splitlines() if line.strip()]
    at = next((at for at, line in enumerate(lines) if line.startswith(("fatal:", "error:"))), len(lines) - 1)
    if at > 0 and "Could not read from remote repository" in lines[at]:
        return lines[at - 1]
    why = lines[at] if lines else "no word"
    return why.partition(":")[2].strip() or why


def _known_as(place: Place) -> str:
    """The name that `ssh-keyscan` writes into known hosts: an alias is looked up as it is, without the port."""
    return place.host if place.port == _SSH_PORT else f"[{place.host}]:{place.port}"


def _secret(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text if not text or text.endswith("\n") else f"{text}\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with all that it started, which may outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _entries(folder: Path, commit: str, limits: FetchLimits) -> Iterator[tuple[str, str, int, str]]:
    """Mode, object, size and path of each entry; the listing ends where it is too long."""
    arguments = ("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    with _started(folder, *arguments) as process:
        listed = _bytes_of(process.stdout)
        for count, line in enumerate(_parts(listed)):
            if count >= limits.files:
                process.kill()
                raise InputError(f"the repository holds more than {limits.files} files")
            about, _, path = line.partition("\t")
            mode, _, name, size = about.split()
            yield mode, name, int(size) if size.isdecimal() else 0, path


def _parts(stream: IO[bytes]) -> Iterator[str]:
    rest = b""
    while block := stream.read(1 << 16):
        *whole, rest = (rest + block).split(b"\0")
        yield from (one.decode(errors="surrogateescape") for one in whole)


def _check_path(path: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower().rstrip(". ") == ".git" or "\\" in part for part in parts):
        raise InputError(f"the repository holds a path that leads elsewhere: `{path!a}`")


def _left_out(mode: str, size: int, limits: FetchLimits) -> str:
    if mode == "160000":
        return "it is a submodule"
    if mode == "120000":
        return "it is a symbolic link"
    return f"it is larger than {limits.file_bytes >> 20} MiB" if size > limits.file_bytes else ""


def _write(folder: Path, wanted: list[tuple[str, str]], limits: FetchLimits) -> None:
    with _started(folder, "cat-file", "--batch", given=True) as process:
        given, answer = _bytes_of(process.stdin), _bytes_of(process.stdout)
        for name, path in wanted:
            given.write(f"{name}\n".encode())
            given.flush()
            size = int(answer.readline().split()[2])
            if size > limits.file_bytes:
                raise InputError(f"the file `{path!a}` is larger than it was said to be")
            content = answer.read(size)
            answer.read(1)
            _write_file(folder / path, content)


def _write_file(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"the file `{path.name!a}` can't be written: {error.strerror}") from None


def _bytes_of(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise InputError("git gave nothing to read")
    return stream


def _command(folder: Path, *arguments: str) -> list[str]:
    return ["git", f"--git-dir={folder / '.git'}", "--no-pager", "--no-replace-objects", *arguments]


def _quiet(folder: Path) -> dict[str, str]:
    path = {"PATH": os.environ["PATH"]} if "PATH" in os.environ else {}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "none"}
    return {**path, **settings, "HOME": str(folder), "LC_ALL": "C"}


def _started(folder: Path, *arguments: str, given: bool = False) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(folder, *arguments),
        cwd=folder,
        env=_quiet(folder),
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _local(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(
        _command(folder, *arguments), cwd=folder, env=_quiet(folder), capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        raise InputError(f"git can't read the repository: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host, in the order in which they are to be tried; none where it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))
