"""`attest gitops`: applications of the controller, and the plugin for Argo CD."""

from __future__ import annotations

import difflib
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.clean import one_line
from attest_governance.cli.controller import Options, means_of, world_of
from attest_governance.cli.judging import exit_code
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import POLICIES, Context, Format, Kubeconfig, application, takes
from attest_governance.cli.saying import say, show, tell
from attest_governance.cli.session import engine
from attest_governance.controller.gitops.model import API_VERSION, APPLICATIONS, GROUP, read_application
from attest_governance.controller.gitops.syncing import SYNC_ANNOTATION, compare
from attest_governance.errors import ClusterError, UsageError
from attest_governance.model.finding import digest_of
from attest_governance.report.words import count
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Object
    from attest_governance.controller.gitops.applying import Difference
    from attest_governance.controller.gitops.judging import Judged

app = application("Look at and steer what the GitOps controller deploys.")
apps = application("Applications of the GitOps controller.")
app.add_typer(apps, name="app")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application: NAME, or NAMESPACE/NAME.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The namespace of the application.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST", help="A host (glob) that may be internal, and use http; repeats."),
]
_DEFAULT = "default"
_SHORT = 12


@apps.command("list")
def list_apps(
    *, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = None, output_format: Format = "text"
) -> int:
    """List the applications of a cluster, or of a namespace, with their phases."""
    found = [one for one in _cluster(context, kubeconfig).list(APPLICATIONS) if _is_in(one, namespace)]
    rows = [("NAMESPACE", "NAME", "PHASE", "REVISION", "MESSAGE"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    document = {"schema": f"{GROUP}/applications/v1", "applications": [_shown(one) for one in found]}
    show(document, [_columns(row, widths) for row in rows], output_format)
    return OK


@apps.command("get")
def get(
    name: Name,
    *,
    namespace: Namespace = _DEFAULT,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    output_format: Format = "text",
) -> int:
    """Show how an application does: its phase, conditions, and the worst findings."""
    found = _shown(_found(_cluster(context, kubeconfig), name, namespace))
    show({"schema": f"{GROUP}/application/v1", "application": found}, _lines(found), output_format)
    return OK


@apps.command("history")
def history(
    name: Name,
    *,
    namespace: Namespace = _DEFAULT,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    output_format: Format = "text",
) -> int:
    """List the revisions of an application that were applied, the latest first."""
    status = _found(_cluster(context, kubeconfig), name, namespace).get("status") or {}
    entries = status.get("history") or []
    lines = [f"{one['appliedAt']}  {one['revision']}  {count(one.get('objects', 0), 'object')}" for one in entries]
    document = {"schema": f"{GROUP}/application-history/v1", "revisions": entries}
    show(document, lines or ["no revision was applied yet"], output_format)
    return OK


@apps.command("diff")
@takes(request=(*POLICIES,))
def diff(
    name: Name,
    *,
    request: Request,
    namespace: Namespace = _DEFAULT,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    allow_host: AllowHost = None,
) -> int:
    """Show what the repository would change in the cluster, and whether that is allowed.

    It is fetched, judged and tried on this machine, by its configuration and with its rights. Exit code 1 says that
    there are differences, or that they are not allowed.
    """
    cluster = _cluster(context, kubeconfig)
    wanted = read_application(_found(cluster, name, namespace))
    world = world_of(cluster, means_of(request, engine()), Options(allow_host=tuple(allow_host or ())))
    candidate, different = compare(world, wanted)
    for one in different:
        sys.stdout.writelines(_difference(one))
    refusal = candidate.refusal
    told = f"{refusal.phase.lower()}: {refusal.message}" if refusal else "allowed"
    say(f"{candidate.commit[:_SHORT]}: {count(len(different), 'object')} to change; {told}")
    return DENIED if different or refusal else OK


@apps.command("sync")
def sync(name: Name, *, namespace: Namespace = _DEFAULT, context: Context = "", kubeconfig: Kubeconfig = None) -> int:
    """Ask the controller to bring an application to what its repository holds. It is judged as always."""
    cluster = _cluster(context, kubeconfig)
    metadata = {"annotations": {SYNC_ANNOTATION: f"{system_clock():%Y-%m-%dT%H:%M:%SZ}-{uuid.uuid4().hex[:8]}"}}
    _change(cluster, _found(cluster, name, namespace), "sync", metadata)
    say(f"asked; `attest gitops app get {name}` says what comes of it")
    return OK


@apps.command("suspend")
def suspend(
    name: Name, *, namespace: Namespace = _DEFAULT, context: Context = "", kubeconfig: Kubeconfig = None
) -> int:
    """Leave an application alone: nothing is applied, pruned or undone until it is resumed."""
    return _suspended(name, namespace, context, kubeconfig, wished=True)


@apps.command("resume")
def resume(name: Name, *, namespace: Namespace = _DEFAULT, context: Context = "", kubeconfig: Kubeconfig = None) -> int:
    """Look after an application again."""
    return _suspended(name, namespace, context, kubeconfig, wished=False)


@app.command("argocd-plugin")
@takes(request=(*POLICIES, "strict", "fail_on", "governed"))
def argocd_plugin(
    *,
    project: Annotated[
        Path, typer.Option("--project", metavar="DIR", help="The folder whose `.attest` says what is asked.")
    ],
    request: Request,
) -> int:
    """Render and judge the folder of an application for Argo CD, and print its manifests only if they are allowed.

    Argo CD runs it as a config management plugin, in the folder of the application. What the repository configures for
    itself is asked as well, and can only add to what is asked.
    """
    from attest_governance.controller.gitops.plugin import generate  # noqa: PLC0415 (what this command needs alone)
    from attest_governance.evaluate import Engine  # noqa: PLC0415
    from attest_governance.resources import engine_path  # noqa: PLC0415

    folder, own = Path.cwd(), project.resolve()
    if not own.is_dir():
        raise UsageError("there is no such folder", hint="name the folder that holds your `.attest`")
    os.chdir(own)
    untrusted = Engine(engine_path())
    try:
        generated = generate(means_of(request, untrusted), folder, os.environ, system_clock())
    finally:
        untrusted.close()
    _tell_judged(generated.judged)
    if generated.judged.verdict == "allow":
        sys.stdout.write(generated.text)
    return exit_code(generated.judged.verdict)


def _tell_judged(judged: Judged) -> None:
    for one in judged.findings:
        if one.counts or one.waiver is None:
            where = f"{one.location.file}{one.location.path}"
            tell(
                one_line(f"{one.enforcement} {one.severity}: {one.message} [{one.policy}] {one.resource.id} ({where})")
            )
    if judged.verdict != "allow":
        tell(f"{'denied' if judged.verdict == 'deny' else 'could not decide'}: {judged.why}")


def _suspended(name: str, namespace: str, context: str, kubeconfig: Path | None, *, wished: bool) -> int:
    cluster = _cluster(context, kubeconfig)
    _change(cluster, _found(cluster, name, namespace), "suspend", {}, {"suspend": wished})
    say(f"`{name}` is {'suspended' if wished else 'looked after again'}")
    return OK


def _change(cluster: Cluster, found: Object, what: str, metadata: Object, spec: Object | None = None) -> None:
    """Applies a part of an application, under a name of its own for each kind of change."""
    own = {name: found["metadata"][name] for name in ("name", "namespace", "uid")}
    value: Object = {"apiVersion": API_VERSION, "kind": APPLICATIONS.kind, "metadata": {**own, **metadata}}
    cluster.apply(APPLICATIONS, {**value, **({"spec": spec} if spec else {})}, force=True, manager=f"attest-cli-{what}")


def _cluster(context: str, kubeconfig: Path | None) -> Cluster:
    from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)

    return connect(kubeconfig=kubeconfig, context=context)


def _found(cluster: Cluster, name: str, namespace: str) -> Object:
    before, slash, behind = name.partition("/")
    where, called = (before, behind) if slash else (namespace, name)
    found = cluster.get(APPLICATIONS, called, where)
    if found is None:
        raise ClusterError(
            f"there is no AttestApplication `{called}` in the namespace `{where}`",
            hint="`attest gitops app list` lists them",
        )
    return found


def _is_in(value: Object, namespace: str) -> bool:
    return not namespace or value["metadata"]["namespace"] == namespace


def _shown(value: Object) -> Object:
    metadata = value["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "spec": value.get("spec") or {},
        "status": value.get("status") or {},
    }


def _columns(row: tuple[str, ...], widths: list[int]) -> str:
    """A row with all columns but the last as wide as they are elsewhere."""
    return "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])).rstrip()


def _row(value: Object) -> tuple[str, ...]:
    metadata, status = value["metadata"], value.get("status") or {}
    revision = str(status.get("appliedRevision") or "-")[:_SHORT]
    message = one_line(str(status.get("message") or ""))
    return metadata["namespace"], metadata["name"], str(status.get("phase") or "Pending"), revision, message


def _lines(shown: dict[str, Any]) -> list[str]:
    status, source = shown["status"], shown["spec"].get("source") or {}
    findings = status.get("findings") or {}
    lines = [
        f"{shown['namespace']}/{shown['name']}: {status.get('phase') or 'Pending'}",
        f"source: {source.get('repoUrl')} {source.get('targetRevision', 'HEAD')} {source.get('path', '.')}",
        f"observed revision: {status.get('observedRevision') or '-'}",
        f"applied revision: {status.get('appliedRevision') or '-'}",
        *(
            f"{one['type']}: {one['status']} ({one['reason']}) {one['message']}"
            for one in status.get("conditions") or ()
        ),
    ]
    if findings:
        counts = (f"{findings.get(name, 0)} {name}" for name in ("violations", "warnings", "exempted", "errors"))
        lines.append(f"findings: {', '.join(counts)}")
    lines += [
        f"{one['enforcement']} {one['severity']}: {one['message']} [{one['policy']}] {one['resource']} ({one['place']})"
        for one in findings.get("worst") or ()
    ]
    return [*lines, *(f"notice: {one}" for one in status.get("notices") or ())]


def _masked(value: Object) -> Object:
    """A Secret without what is secret in it; that a value differs can still be told."""
    if value.get("kind") != "Secret":
        return value
    hidden = {
        part: {key: f"hidden {digest_of((part, key, str(text)), _SHORT)}" for key, text in value[part].items()}
        for part in ("data", "stringData")
        if isinstance(value.get(part), dict)
    }
    return {**value, **hidden}


def _difference(one: Difference) -> Sequence[str]:
    import yaml  # noqa: PLC0415 (slow to import)

    texts = ["" if value is None else yaml.safe_dump(_masked(value)) for value in (one.before, one.after)]
    before, after = (text.splitlines(keepends=True) for text in texts)
    return list(difflib.unified_diff(before, after, f"cluster {one.shown}", f"repository {one.shown}"))
