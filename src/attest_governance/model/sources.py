"""What a run reads: where its policies come from, what it is to judge, and what is declared to be exempt."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from attest_governance.errors import place
from attest_governance.model.problem import Problem
from attest_governance.model.rendering import Rendering, RenderOptions


class Verification(msgspec.Struct, frozen=True):
    """Who must have signed a bundle."""

    keys: str
    """Public keys or certificates in PEM form, one of which signed."""
    file: str = ""
    """Where the keys come from."""
    scope: str = ""
    exclude: tuple[str, ...] = ()
    """Globs of files that no signature covers."""


class Signature(msgspec.Struct, frozen=True, rename="camel"):
    """What a signature says of itself; nothing of it is certain unless it is `verified`."""

    verified: bool
    files: int
    algorithm: str = ""
    key_id: str = ""
    scope: str = ""
    issuer: str = ""
    issued_at: int = 0


class BundleFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file of a bundle; `kind` is rego, test, data, manifest, signature, yaml, wasm or other."""

    path: str
    bytes: int
    kind: str
    rego_version: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """What a bundle is. `digest` is that of its content, however it is packed or signed."""

    path: str
    revision: str
    roots: tuple[str, ...]
    digest: str
    files: tuple[BundleFile, ...]
    metadata: dict[str, Any] = {}
    signature: Signature | None = None


class BundlePolicy(msgspec.Struct, frozen=True):
    """A policy of a bundle."""

    name: str
    engine: str


class BundleAnswer(msgspec.Struct, frozen=True):
    """What became of a bundle; without one it was refused, and `problems` say why."""

    bundle: Bundle | None = None
    policies: tuple[BundlePolicy, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the bundle must not be used."""
        return self.bundle is None or any(problem.severity == "error" for problem in self.problems)


class ReadFile(msgspec.Struct, frozen=True):
    """A file as it was when it was read."""

    file: str
    """Its path, absolute and without links."""
    sha256: str
    """Of the bytes that were read, in hexadecimal."""


class InlinePolicy(msgspec.Struct, frozen=True):
    """A policy whose Rego stands in a configuration file, at `line` and `column` of `file`."""

    file: str
    line: int
    column: int
    text: str
    name: str = ""
    severity: str = ""
    level: str = ""
    adds: bool = False
    """Whether it may only add: it must not take the place of a shipped policy."""


class Text(msgspec.Struct, frozen=True):
    """A text that is not in a file, such as standard input, with the name that places give it."""

    file: str
    text: str


class PolicySources(
    msgspec.Struct,
    frozen=True,
    rename={
        "allow_net": "allowNet",
        "strict_errors": "strictErrors",
        "prints": "print",
        "input_form": "inputForm",
    },
):
    """Where policies come from, before anything is read."""

    paths: tuple[str, ...] = ()
    """Files and folders; two of them must not define one package."""
    shipped: tuple[str, ...] = ()
    """Folders whose policies make way for those of `paths` and `modules`, package by package."""
    libraries: tuple[str, ...] = ()
    """Folders whose rules other policies may use."""
    modules: tuple[InlinePolicy, ...] = ()
    documents: tuple[Text, ...] = ()
    """Gatekeeper objects that are in no file, such as those of a cluster."""
    data: dict[str, Any] = {}
    """The documents under `data`."""
    opa: bool = True
    gatekeeper: bool = True
    allow_net: tuple[str, ...] = ()
    external: bool = False
    """Whether Gatekeeper's external data providers may be asked."""
    strict_errors: bool = False
    evaluator: str = ""
    verification: Verification | None = None
    """Who must have signed the bundles among `paths`: archives, and the folders that `signed` names."""
    signed: tuple[str, ...] = ()
    prints: bool = False
    """Whether calls of `print` are kept, for the tools that show what they say."""
    input_form: str = ""
    """What policies that don't ship see as `input`; empty for what those see that do."""


class Selected(msgspec.Struct, frozen=True, omit_defaults=True):
    """A policy that a run asks, with what configuration gives it."""

    name: str
    parameters: dict[str, Any] = {}
    severity: str = ""


class ResultsPlace(msgspec.Struct, frozen=True):
    """Where what files came to is kept from one run to the next; without a folder nothing is.

    The file `key` holds what seals the results. It stands apart from them, so that a folder which somebody brings here
    says nothing.
    """

    folder: str = ""
    key: str = ""


class PathRule(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """A pattern of .gitignore as a regular expression for relative paths; those of folders end in `/`."""

    pattern: str
    regex: str
    matches: bool
    """False for a pattern that takes back what another one matches (`!`)."""
    origin: str
    """The key or the flag that says it."""


class PathFilter(msgspec.Struct, frozen=True):
    """What one place says of the files in folders, relative to `base`; of patterns the last that matches counts."""

    base: str
    include: tuple[PathRule, ...] = ()
    exclude: tuple[PathRule, ...] = ()


class Left(msgspec.Struct, frozen=True):
    """A file that is not looked at, absolute and without links, and why."""

    path: str
    reason: str


class LeaveOut(msgspec.Struct, frozen=True):
    """What of folders is not looked at; what is named itself always is."""

    filters: tuple[PathFilter, ...] = ()
    ignored: tuple[str, ...] = ()
    """Files and folders that git neither tracks nor wants to, absolute."""
    policies: tuple[str, ...] = ()
    """Folders of policies."""
    examples: bool = False
    """Whether the examples of policies (`examples/POLICY/pass` and `fail` beside Rego files) are left out, too."""
    rendered: tuple[Left, ...] = ()
    """Files that are judged by what they render to."""


class Manifests(msgspec.Struct, frozen=True):
    """What to judge, and how to look at it."""

    paths: tuple[str, ...] = ()
    inputs: tuple[Text, ...] = ()
    namespace: str = ""
    """For namespaced resources whose manifest names none."""
    operation: str = "CREATE"
    inventory: tuple[str, ...] = ()
    inventory_inputs: tuple[Text, ...] = ()
    """Files and folders whose resources policies may look up, beside those that are judged."""
    leave_out: LeaveOut = LeaveOut()
    review: Text | None = None
    """An AdmissionReview as an API server sent it, which is judged in place of everything else."""
    enforcement_point: str = ""
    """Whose actions of Gatekeeper's scoped enforcement count; empty for those of the command line."""
    rendering: RenderOptions | None = None
    """How charts and kustomizations in folders are rendered; None where they are left as they are."""
    renderings: tuple[Rendering, ...] = ()
    """What they came to."""

    @property
    def texts(self) -> tuple[Text, ...]:
        """What is to be judged and is in no file: the inputs, and what was rendered."""
        return (*self.inputs, *(Text(one.name, one.text) for made in self.renderings for one in made.documents))


class ExemptionKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `exemptions` as written: what it means, and what it must hold, is judged later."""

    policy_name: Annotated[str, Meta(description="The policy, by name or glob.")] = ""
    rule: Annotated[str, Meta(description="One rule of the policy; all of them when left out.")] = ""
    resource_kind: Annotated[str, Meta(description="Kind of the resource, or a glob.")] = ""
    resource_name: Annotated[str, Meta(description="Name of the resource, or a glob.")] = ""
    resource_namespace: Annotated[str, Meta(description="Namespace of the resource, or a glob.")] = ""
    labels: Annotated[dict[str, str], Meta(description="Labels that the resource must carry.")] = {}
    image_digest: Annotated[str, Meta(description="Digest of an image that the resource must use.")] = ""
    reason: Annotated[str, Meta(description="Why the exemption exists.")] = ""
    approved_by: Annotated[str, Meta(description="Who approved it.")] = ""
    not_before: Annotated[str, Meta(description="First moment at which it holds (RFC 3339).")] = ""
    expires_at: Annotated[str, Meta(description="First moment at which it no longer holds (RFC 3339).")] = ""


class ExemptionEntry(ExemptionKeys, frozen=True):
    """An exemption with its place."""

    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def source(self) -> str:
        """`file:line` of the entry."""
        return place(self.file, self.line, 0)
