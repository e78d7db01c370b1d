"""`attest doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import Context, Format, Kubeconfig
from attest_governance.cli.saying import show
from attest_governance.load.files import Files
from attest_governance.server.diagnosis import Diagnosis
from attest_governance.server.doctor import Patient, examine
from attest_governance.server.webhooks import NAME

URL = "https://127.0.0.1:8443"


def command(
    *,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="The address of the server.")] = URL,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Who signed its certificate (PEM); else the webhook's caBundle."),
    ] = None,
    server_name: Annotated[
        str,
        typer.Option("--server-name", metavar="NAME", help="The name in its certificate; else that of its Service."),
    ] = "",
    webhook: Annotated[
        str, typer.Option("--webhook", metavar="NAME", help="The ValidatingWebhookConfiguration that leads to it.")
    ] = NAME,
    no_cluster: Annotated[
        bool, typer.Option("--no-cluster", help="Ask no cluster, and leave its webhook aside.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    shown_as: Format = "text",
) -> int:
    """Examine an admission server that runs, and the webhook that leads to it, and say what to do.

    Inside of the cluster, or through `kubectl port-forward -n attest-system service/attest 8443:443`.
    Exits with 0 when nothing failed, 1 when something did, and 2 when something could not be examined.
    """
    cluster = None
    if not no_cluster:
        from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)

        cluster = connect(kubeconfig=kubeconfig, context=context)
    authority = Files().read(ca, "certificate").decode("utf-8", "replace") if ca else ""
    patient = Patient(url=url, authority=authority, name=server_name, webhook=webhook, cluster=cluster)
    found = examine(patient, system_clock())
    show(found, _lines(found), shown_as)
    return {"failed": DENIED, "unknown": UNDECIDED}.get(found.worst, OK)


def _lines(found: Diagnosis) -> Iterator[str]:
    for one in found.checks:
        yield f"{one.state:<7}  {one.name}: {one.message}"
        if one.hint:
            yield f"         {one.hint}"
    yield {
        "ok": "all is well",
        "warning": "it works; see the warnings",
        "failed": "something is wrong",
        "unknown": "not all could be examined",
    }[found.worst]
