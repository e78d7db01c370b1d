"""`attest deploy`: what runs the admission server in a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from attest_governance.cli.options import application
from attest_governance.gatekeeper.objects import manifest
from attest_governance.load.files import Files
from attest_governance.resources import deploy_files
from attest_governance.server.manifests import NAMESPACE, Wanted, manifests

app = application("Run the admission server in a cluster.")


@app.command("render")
def render(
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The namespace of the server.")] = NAMESPACE,
    replicas: Annotated[
        int,
        typer.Option("--replicas", min=1, max=100, help="How many there are at least; at most three times as many."),
    ] = 3,
    image: Annotated[str, typer.Option("--image", metavar="IMAGE", help="The image, best with its digest.")] = "",
    tls_secret: Annotated[
        str,
        typer.Option(
            "--tls-secret", metavar="NAME", help="A Secret with tls.crt and tls.key; else the server makes its own."
        ),
    ] = "",
    ca_bundle: Annotated[
        Path | None,
        typer.Option("--ca-bundle", metavar="FILE", help="With --tls-secret: who signed that certificate (PEM)."),
    ] = None,
    failure_policy: Annotated[
        Literal["Fail", "Ignore"],
        typer.Option("--failure-policy", help="What the API server does when no replica answers."),
    ] = "Fail",
    token_reviews: Annotated[
        bool,
        typer.Option("--token-reviews", help="Take tokens of the cluster, with the right to ask it about them."),
    ] = False,
    policies_from_cluster: Annotated[
        list[str] | None,
        typer.Option(
            "--policies-from-cluster",
            metavar="KIND",
            help="Judge by Gatekeeper's objects, with the right to read them: a kind of constraints, or `*` for all.",
        ),
    ] = None,
    watch_inventory: Annotated[
        list[str] | None,
        typer.Option(
            "--watch-inventory",
            metavar="RESOURCE",
            help="What policies look up in the cluster, with the right to read it, as `ingresses.networking.k8s.io`.",
        ),
    ] = None,
) -> None:
    """Print the manifests of the server and of its webhook, for `kubectl apply -f -`."""
    wanted = Wanted(
        namespace=namespace,
        replicas=replicas,
        image=image,
        tls_secret=tls_secret,
        ca_bundle=Files().read(ca_bundle, "certificate") if ca_bundle else b"",
        failure_policy=failure_policy,
        token_reviews=token_reviews,
        constraints=tuple(policies_from_cluster or ()),
        looked_up=tuple(watch_inventory or ()),
    )
    sys.stdout.write(manifest(manifests(deploy_files(), wanted)))
