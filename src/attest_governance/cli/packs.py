"""`attest compliance pack|verify`: a report with its evidence in one signed file, and what that proves to others."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import msgspec
import typer

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, named, report_options
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import JUDGING, RESOURCES, Application, Format, Key, takes
from attest_governance.cli.reporting import PAST, Earlier, Frameworks, Past, reporting_on
from attest_governance.cli.saying import say, show
from attest_governance.cli.session import engine
from attest_governance.comply.frameworks import PROJECT_FOLDER
from attest_governance.errors import InputError, UsageError
from attest_governance.govern import PIN
from attest_governance.load.files import Files, decode_text
from attest_governance.model.sources import Manifests
from attest_governance.report.compliance import write_report
from attest_governance.report.output import write_file
from attest_governance.report.registry import writer
from attest_governance.request import Request
from attest_governance.resources import shipped_frameworks, shipped_policies

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.cli.reporting import Reported
    from attest_governance.comply.packs.contents import Given
    from attest_governance.govern.project import Project
    from attest_governance.govern.trust import Trust
    from attest_governance.report.registry import ReportOptions

_MAX_SIGNERS = 16 << 20


def add(app: Application) -> None:
    """Adds the commands to those of compliance."""
    app.command("pack")(pack)
    app.command("verify")(verify)


@takes(request=JUDGING, manifests=RESOURCES, past=PAST)
def pack(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Files and folders; the project's folder if none.")
    ] = None,
    *,
    frameworks: Frameworks = None,
    earlier: Earlier = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PACK", help="Where the pack goes.")],
    key: Key = None,
    request: Request,
    manifests: Manifests,
    past: Past,
) -> int:
    """Report, and put the report with its evidence into one signed file.

    Policies, findings, approvals, exemptions, the head of the audit trail and proofs are in it, so that others verify
    it offline. The key is an SSH or Ed25519 key, which signs for packs alone; in a governed project it must be known.
    Exits with 0 when the pack is written, whatever the report says, and 2 otherwise.
    """
    past.ensure(paths)
    now, judged = system_clock(), named(paths or ["."], manifests)
    with reporting_on(past, frameworks or (), request, judged, now, earlier=earlier or (), kept=True) as made:
        data = _packed(made, key, now)
    write_file(output, lambda out: out.buffer.write(data))
    names = ", ".join(one.name for one in made.report.frameworks)
    say(f"{output}: {names}: {made.report.verdict}; sha256:{hashlib.sha256(data).hexdigest()}")
    return OK


def _packed(made: Reported, key: Path | None, now: datetime) -> bytes:
    from attest_governance.comply.packs.make import About, make_pack  # noqa: PLC0415 (cryptography is slow to import)
    from attest_governance.govern.signing.identity import choose_signer  # noqa: PLC0415
    from attest_governance.govern.trust import Trust  # noqa: PLC0415

    project = _governed(made, now)
    trust = project.trust if project else Trust()
    given = _given(made, project, now)
    signer = choose_signer(given.root, trust, key, "", os.environ)
    versions = {"attest": __version__, **msgspec.to_builtins(engine().versions())}
    told = {name: str(versions[name]) for name in ("attest", "engine", "opa", "gatekeeper", "go")}
    return make_pack(given, About(tuple(one.name for one in made.report.frameworks), told), signer, now)


def _governed(made: Reported, now: datetime) -> Project | None:
    """The project with the keys and rules of its approved policies, where it is governed."""
    from attest_governance.govern.policysets.history import open_trusted  # noqa: PLC0415 (as above)

    root = made.runtime.root
    return open_trusted(root, now, made.runtime.pin) if root else None


def _given(made: Reported, project: Project | None, now: datetime) -> Given:
    from attest_governance.attestations.sources import place  # noqa: PLC0415 (as above)
    from attest_governance.comply.packs.contents import Given  # noqa: PLC0415

    runtime, settings = made.runtime, made.runtime.settings
    options = report_options(Showing(command="attest compliance pack"), now)
    evidence = runtime.prepared.evidence
    root = runtime.root or settings.root or Path.cwd()
    frameworks = tuple(one for one in runtime.prepared.read if _is_framework(made, root, Path(one.file)))
    return Given(
        report=_written(lambda out: write_report(made.report, "json", out, options)),
        findings=_findings(made, options),
        log=made.log,
        policy_set=runtime.loaded.digest,
        policies=runtime.policies,
        read=runtime.loaded.read,
        frameworks=frameworks,
        settings=tuple(one for one in runtime.prepared.read if one not in frameworks),
        shipped=shipped_policies(),
        shipped_frameworks=shipped_frameworks(),
        root=root,
        project=project,
        facts=evidence.document if evidence else None,
        receipts=tuple(place(settings, "receipts", path) for path in settings.evidence.receipts) if evidence else (),
    )


def _findings(made: Reported, options: ReportOptions) -> bytes:
    """What the report was made from, as a check writes it.

    Raises:
        InputError: other policies found it than the pack would hold.
    """
    outcome = made.outcome
    if outcome is not None:
        return _written(lambda out: writer("json")(outcome, out, options))
    if made.report.policy_set != made.runtime.loaded.digest:
        hint = "make the pack with the policies that judged (`-p`), or judge again"
        raise InputError("the findings are those of other policies, which the pack would not hold", hint=hint)
    return made.document


def _is_framework(made: Reported, root: Path, file: Path) -> bool:
    """Whether a file that was read is one of a framework: of those that are reported on, or that these extend."""
    folders = (shipped_frameworks(), root / PROJECT_FOLDER)
    named = (place / name for one in made.report.frameworks for name in one.files for place in (root, Path.cwd()))
    return any(file.is_relative_to(folder.resolve()) for folder in folders) or file in {one.resolve() for one in named}


def _written(write: Callable[[TextIO], object]) -> bytes:
    out = io.StringIO()
    write(out)
    return out.getvalue().encode("utf-8", "replace")


def verify(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="The pack.")],
    *,
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers",
            metavar="FILE",
            help="Whose key is whose, as in OpenSSH's allowed_signers; in a governed project, by default its own.",
        ),
    ] = None,
    trust_store: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust-store", metavar="DIR", help="Whom to trust for proofs of images, as `.attest/trust`; repeats."
        ),
    ] = None,
    trust_key: Annotated[
        list[Path] | None,
        typer.Option("--trust-key", metavar="FILE", help="A public key (PEM) that is trusted for them; repeats."),
    ] = None,
    shown_as: Format = "text",
) -> int:
    """Check every signature, digest and link of a pack, without network, and say what is proven and what only stated.

    Exits with 0 when it is intact, 1 when anything was altered or is not signed, and 2 when it can't be read.
    """
    from attest_governance.cli.evidence import named_trust  # noqa: PLC0415 (as above)
    from attest_governance.comply.packs.archive import MAX_BYTES  # noqa: PLC0415 (cryptography is slow to import)
    from attest_governance.comply.packs.verify import Verifier, verify_pack  # noqa: PLC0415
    from attest_governance.report.packs import lines  # noqa: PLC0415

    data = Files().read(pack, "pack", limit=MAX_BYTES)
    trust, project = _trusted(signers)
    verifier = Verifier(
        trust=trust,
        now=system_clock(),
        version=__version__,
        shipped=shipped_policies(),
        shipped_frameworks=shipped_frameworks(),
        project=project,
        proofs=named_trust(trust_store or (), trust_key or ()),
    )
    view = verify_pack(data, str(pack), verifier)
    show(view, lines(view), shown_as)
    return OK if view.intact else DENIED


def _trusted(signers: Path | None) -> tuple[Trust, str | None]:
    """The keys of a file; or those of the governed project here, with its id.

    Raises:
        UsageError: there is neither.
    """
    from attest_governance.cli.governing import root  # noqa: PLC0415 (as above)
    from attest_governance.govern.policysets.history import open_trusted  # noqa: PLC0415
    from attest_governance.govern.project import is_governed  # noqa: PLC0415
    from attest_governance.govern.trust import parse_trust  # noqa: PLC0415

    if signers is not None:
        text = decode_text(Files().read(signers, "signers file", limit=_MAX_SIGNERS), "signers file", str(signers))
        return parse_trust(text, file=str(signers)), None
    here = root()
    if not is_governed(here):
        hint = "name the people whom you trust, one a line: NAME ssh-ed25519 AAAA…"
        raise UsageError("nothing says whose keys to trust: `--signers` is missing", hint=hint)
    project = open_trusted(here, system_clock(), os.environ.get(PIN, ""))
    return project.trust, project.identity.id
