"""`attest policy playground`."""

from __future__ import annotations

import contextlib
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import OK
from attest_governance.cli.options import Format, takes
from attest_governance.cli.saying import say, show
from attest_governance.cli.session import open_here
from attest_governance.develop.playground import Playground
from attest_governance.errors import InputError
from attest_governance.load.files import Files
from attest_governance.model.sources import Manifests
from attest_governance.request import Request
from attest_governance.web.server import PageServer, Start, open_server

SCHEMA = "attest.continuu.ms/playground/v1"
LONGEST_EVALUATION = 5.0
MAX_TEXT = 2 << 20


@takes(request=("input_form", "parameters", "evidence"), manifests=("namespace",))
def command(
    *,
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="A policy in Rego.")],
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="A manifest, or an input document.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="A document for `data`.")] = None,
    tests: Annotated[Path | None, typer.Option("--tests", metavar="FILE", help="Tests in Rego.")] = None,
    request: Request,
    manifests: Manifests,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Where to listen; 0: anywhere.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    shown_as: Format = "text",
) -> int:
    """Try a policy in a local web page: edit it, its input and its tests, and see what it says and why.

    The page needs no network, and only this machine can reach it. The files are read, never written:
    the page offers changed texts as downloads. Ctrl-C ends it.
    """
    given = {"policy": policy, "input": input_file, "data": data, "tests": tests}
    texts = {name: _read(path, name) for name, path in given.items() if path is not None}
    wanted = msgspec.structs.replace(request, folders=(str(policy),), draft=True)
    files = {name: str(path) for name, path in given.items() if path is not None}
    with open_here(wanted, system_clock()) as runtime, contextlib.ExitStack() as stack:
        playground = Playground(
            runtime.engine,
            runtime.sources,
            lambda loaded, given, now: runtime.drafted(loaded).plan(given, now),
            clock=system_clock,
            timeout=min(runtime.settings.policy.timeout, LONGEST_EVALUATION),
            namespace=manifests.namespace,
        )
        server = stack.enter_context(open_server(playground, Start(texts, files, __version__), port))
        lines = (f"The playground is at {server.url}", "Press Ctrl-C to end it.")
        show({"schema": SCHEMA, "url": server.url}, lines, shown_as, -1)
        sys.stdout.flush()
        _serve(server, browser=browser)
    return OK


def _serve(server: PageServer, *, browser: bool) -> None:
    """Serves until Ctrl-C, which is how it is meant to end."""
    if browser:
        # Not here: a browser in the terminal would keep the server from answering it.
        threading.Thread(target=webbrowser.open, args=(server.ticket_url,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("")


def _read(path: Path, what: str) -> str:
    """The text of a file that the page starts with.

    Raises:
        InputError: it can't be read, is no text, or is too large for an editor.
    """
    content = Files().read(path, f"{what} file")
    if len(content) > MAX_TEXT:
        raise InputError(
            f"the {what} file is larger than {MAX_TEXT >> 20} MiB", file=str(path), hint="the page can't edit it"
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"the {what} file is no text in UTF-8", file=str(path), hint="check the path") from error
