"""What can be configured (§4, §6, §8), as types.

The types are the one source: the reader, the JSON schema and the reference page are made from
them. A field's `Meta` carries the sentence that the page shows; `extra` tells the reader what the
bare type can't: its notation (`reader`), the key that names a list's entries (`keyed_by`), whether
case counts (`ignore_case`).
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from attest_governance.model import Enforcement, Severity
from attest_governance.model.sources import ExemptionEntry, ExemptionKeys, InlinePolicy

Key: TypeAlias = tuple[str | int, ...]
"""Where a value is in the configuration: `("policies", "image-security", "parameters", "max_cpu")`."""


def _notation(reader: str, words: str, *types: str, pattern: str, **more: object) -> Meta:
    """How a value is written: by which reader, in words, and in the JSON schema."""
    schema = {"type": list(types), "pattern": pattern, **more}
    return Meta(extra={"reader": reader, "notation": words, "schema": schema})


def _time(reader: str, words: str, plain: str) -> Meta:
    pattern = rf"^[0-9]+(\.[0-9]+)?{plain}$|^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
    return _notation(reader, words, "string", "number", pattern=pattern, exclusiveMinimum=0)


def _size(reader: str, words: str, units: str) -> Meta:
    return _notation(reader, words, "string", "integer", pattern=rf"^[0-9]+(\.[0-9]+)?({units})?$")


Duration: TypeAlias = Annotated[float, _time("duration", "duration (`10s`, `500ms`, `1m30s`) or seconds", "")]
Span: TypeAlias = Annotated[float, _time("span", "duration (`90s`, `12h`, `7d`) or seconds", "d?")]
DownloadSize: TypeAlias = Annotated[int, _size("size", "size (`512Ki`, `64Mi`) or bytes", "Ki|Mi|Gi|k|M|G")]
MemorySize: TypeAlias = Annotated[int, _size("memory", "size (`512Mi`, `2Gi`) or bytes", "Ki|Mi|Gi|Ti|k|M|G|T")]
Instant: TypeAlias = Annotated[
    datetime,
    Meta(
        extra={
            "reader": "instant",
            "notation": "date (`2026-12-01`) or time (`2026-12-01T08:00:00Z`)",
            "schema": {"type": "string", "minLength": 10},
        },
    ),
]
Host: TypeAlias = Annotated[str, Meta(extra={"reader": "host", "notation": "host name"})]
Name: TypeAlias = Annotated[str, Meta(extra={"reader": "name", "notation": "name"}, min_length=1, max_length=253)]
RegoText: TypeAlias = Annotated[str, Meta(extra={"reader": "rego", "notation": "Rego"}, min_length=1)]
AnySeverity: TypeAlias = Annotated[Severity, Meta(extra={"ignore_case": True})]
Level: TypeAlias = Annotated[Literal["Cluster", "Namespace"], Meta(extra={"ignore_case": True})]
Need: TypeAlias = Literal["required", "optional"]
Profile: TypeAlias = Literal["minimal", "recommended", "strict", "pss-baseline", "pss-restricted", "nsa", "cis"]
InputForm: TypeAlias = Literal["resource", "conftest", "admission"]
Shipped: TypeAlias = Annotated[
    tuple[str, ...] | None,
    Meta(
        extra={
            "reader": "globs",
            "notation": "`true`, `false` or a list of globs",
            "schema": {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string", "minLength": 1}}]},
        },
    ),
]
"""None for `true`, which leaves the choice to the profile; empty for `false`."""
Parameters: TypeAlias = dict[str, Any]


class Source(msgspec.Struct, frozen=True, rename="camel"):
    """Where a value comes from; the later of these kinds wins."""

    kind: Literal["default", "file", "environment", "flag"]
    name: str = ""
    """The variable, or the flag."""
    file: str = ""
    line: int = 0
    column: int = 0
    key_line: int = 0
    key_column: int = 0

    def __str__(self) -> str:
        if self.kind == "file":
            return f"{self.file}:{self.line}"
        return " ".join(part for part in (self.kind, self.name) if part)


DEFAULT = Source("default")


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a configuration file: its fields are the keys that may be given."""


class CustomPolicy(_Section, frozen=True, forbid_unknown_fields=True):
    """A policy written in the configuration itself."""

    name: Annotated[Name, Meta(description="Name of the policy, as `policies` and `--policy` use it.")]
    rego_code: Annotated[RegoText, Meta(description="The Rego module, with its `package` line.")]
    description: Annotated[str, Meta(description="One sentence on what the policy is for.")] = ""
    level: Annotated[
        Level, Meta(description="`Cluster` judges every resource, `Namespace` only those in a namespace.")
    ] = "Cluster"
    severity: Annotated[
        AnySeverity | None, Meta(description="Severity of findings that state none; case does not count.")
    ] = None
    enabled: Annotated[bool, Meta(description="Whether the policy is evaluated.")] = True
    enforcement: Annotated[
        Enforcement | None, Meta(description="What a finding does: fails (`strict`), is shown, or is only counted.")
    ] = None
    parameters: Annotated[Parameters, Meta(description="`input.parameters` of the policy.")] = {}


class WorkloadKind(_Section, frozen=True, forbid_unknown_fields=True):
    """A kind that is not Kubernetes' own, and where it keeps a pod specification."""

    kind: Annotated[Name, Meta(description="The kind, such as `Rollout`.")]
    group: Annotated[Name, Meta(description="Its API group, such as `argoproj.io`.")]
    path: Annotated[
        str,
        Meta(
            description="The keys that lead to the pod specification; `*` stands for every element of a list.",
            pattern=r"^[^.]+(\.[^.]+)*$",
            extra={"reader": "keys", "notation": "`spec.tasks.*.template.spec`"},
        ),
    ]


class PolicyOptions(_Section, frozen=True, forbid_unknown_fields=True):
    """How policies are found and evaluated."""

    enabled: Annotated[bool, Meta(description="Whether policies are evaluated at all.")] = True
    profile: Annotated[
        Profile, Meta(description="Which of the shipped policies are asked, and how strictly they ask.")
    ] = "recommended"
    shipped: Annotated[
        Shipped,
        Meta(
            description="Which shipped policies are asked: those of the profile, none, or those of these names,"
            " whatever the profile; an entry in `policies` or a framework in `compliance` still asks for its own."
        ),
    ] = None
    opa_enabled: Annotated[bool, Meta(description="Whether plain Rego policies are evaluated.")] = True
    gatekeeper_enabled: Annotated[bool, Meta(description="Whether Gatekeeper constraints are evaluated.")] = True
    fail_on_violation: Annotated[
        bool, Meta(description="Whether strict findings fail the check (exit code 1); when false they are shown only.")
    ] = True
    policy_bundle_url: Annotated[
        str, Meta(description="Where a policy bundle is loaded from: an http or https URL of a `.tar.gz`.")
    ] = ""
    policy_bundle_path: Annotated[
        str,
        Meta(
            description=(
                "A folder or file with policies. Relative to the folder that holds `.attest` in a project file,"
                " to the file's own folder in the global one, to the working directory in a variable."
            )
        ),
    ] = ""
    policy_bundle_key: Annotated[
        str,
        Meta(
            description=(
                "A file with public keys or certificates (PEM). Bundles that none of them signed are refused."
                " A relative path starts where that of `policy_bundle_path` does."
            )
        ),
    ] = ""
    policy_bundle_scope: Annotated[str, Meta(description="The scope that a bundle must be signed for.")] = ""
    policy_bundle_exclude: Annotated[
        tuple[str, ...], Meta(description="Globs of files in bundles that no signature has to cover.")
    ] = ()
    policy_bundle_max_age: Annotated[
        Span, Meta(description="How long a downloaded bundle is used before the server is asked again.")
    ] = 60.0
    policy_bundle_max_stale: Annotated[
        Span,
        Meta(
            description=(
                "How long the last good bundle stays in use while the server is away or what it offers is refused."
            )
        ),
    ] = 86400.0
    policy_bundle_timeout: Annotated[Duration, Meta(description="The longest that a download may take.")] = 10.0
    policy_bundle_max_size: Annotated[DownloadSize, Meta(description="The largest bundle that is downloaded.")] = (
        64 * 2**20
    )
    policy_bundle_allow_rollback: Annotated[
        bool, Meta(description="Whether a bundle may be replaced by an older revision of itself.")
    ] = False
    custom_policies: Annotated[
        tuple[CustomPolicy, ...],
        Meta(description="Policies with their Rego written here.", extra={"keyed_by": "name"}),
    ] = ()
    allow_net: Annotated[
        tuple[Host, ...], Meta(description="Hosts that policies may reach, by whatever function; none unless listed.")
    ] = ()
    timeout: Annotated[Duration, Meta(description="The longest that one evaluation may take.")] = 10.0
    memory: Annotated[
        MemorySize, Meta(description="Memory that the engine may use before it ends itself; 0 for no limit.")
    ] = 2 * 2**30
    evaluator: Annotated[
        Literal["compiled", "opa", "both"],
        Meta(
            description="Who evaluates Rego: OPA's evaluator, the compiled one, or both, of which OPA's answer counts."
        ),
    ] = "compiled"
    input_form: Annotated[
        InputForm,
        Meta(
            description="What the project's own policies see as `input`: `input.resource` and what is known around it,"
            " the resource itself as with conftest, or an AdmissionReview as with OPA as an admission controller."
        ),
    ] = "resource"
    kubernetes_version: Annotated[
        str,
        Meta(
            description="The version of Kubernetes that manifests are for (`1.34`), to whose types they are held, "
            "and which policies ask for; empty for the newest that is known.",
        ),
    ] = ""
    debug: Annotated[bool, Meta(description="Whether every evaluation is logged in detail.")] = False
    strict_errors: Annotated[
        bool,
        Meta(
            description="Whether an error inside a builtin function is an error instead of a warning; "
            "with `--strict` and in governed projects it always is."
        ),
    ] = False
    include: Annotated[
        tuple[str, ...],
        Meta(
            description="Which files in folders are judged, as patterns of .gitignore that start at the project;"
            " all of them where there is none."
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        Meta(
            description="Which files and folders in folders are left out, as patterns of .gitignore that start at the"
            " project; what is named on the command line is judged all the same."
        ),
    ] = ()
    production_namespaces: Annotated[
        tuple[str, ...],
        Meta(
            description="What production is, for every policy with a parameter of that name: globs of namespaces and of"
            " their labels `environment` and `env`."
        ),
    ] = ()
    annotations: Annotated[
        Literal["honour", "ignore"],
        Meta(description="Whether exemptions that stand in annotations of resources may count."),
    ] = "honour"
    workload_kinds: Annotated[
        tuple[WorkloadKind, ...],
        Meta(
            description=(
                "Where kinds that are not Kubernetes' own keep pods or containers; what has the shape of one there"
                " is judged without being named."
            )
        ),
    ] = ()
    external_data: Annotated[bool, Meta(description="Whether Gatekeeper's external data providers may be called.")] = (
        False
    )


class RolloutStep(_Section, frozen=True, forbid_unknown_fields=True):
    """What a policy does in some namespaces, or from some day on."""

    enforcement: Annotated[
        Enforcement,
        Meta(description="What a finding does there and then: `strict` fails the check, `warn` and `dryrun` don't."),
    ]
    namespaces: Annotated[tuple[str, ...], Meta(description="Globs of namespaces; all where there is none.")] = ()
    begins: Annotated[
        Instant | None, Meta(description="The first moment at which the step holds; always where there is none.")
    ] = msgspec.field(default=None, name="from")


FailurePolicy: TypeAlias = Literal["fail", "ignore"]


class ServerOptions(_Section, frozen=True, forbid_unknown_fields=True):
    """How `attest serve` answers."""

    failure_policy: Annotated[
        FailurePolicy,
        Meta(
            description="What becomes of a request that can't be decided: it is refused (`fail`), or admitted with a"
            " warning (`ignore`); an entry in `policies` may say otherwise for its policy."
        ),
    ] = "fail"
    annotations: Annotated[
        Literal["honour", "ignore"],
        Meta(description="Whether resources may exempt themselves by annotations where nothing is governed."),
    ] = "ignore"
    data_packages: Annotated[
        tuple[Name, ...],
        Meta(description="Packages that OPA's Data API answers for (`attest.security`); none unless listed."),
    ] = ()
    decision_log_failure: Annotated[
        FailurePolicy,
        Meta(
            description="What becomes of requests while the decision log can't be written: they are refused (`fail`),"
            " or answered as ever (`ignore`)."
        ),
    ] = "fail"
    decision_log_inputs: Annotated[
        bool, Meta(description="Whether the decision log keeps what was judged, values of Secrets masked.")
    ] = False
    decision_log_masks: Annotated[
        tuple[str, ...],
        Meta(description="Fields of resources that the decision log masks, by path: `spec.token`, `data.*`."),
    ] = ()
    max_request_size: Annotated[DownloadSize, Meta(description="The largest request that is read.")] = 8 * 2**20
    max_inventory_size: Annotated[
        DownloadSize, Meta(description="The texts of all objects of a cluster that policies may look up.")
    ] = 256 * 2**20


class PolicyEntry(_Section, frozen=True, forbid_unknown_fields=True):
    """What a project asks of one policy; what is left out stays as the policy has it."""

    name: Annotated[Name, Meta(description="Name of the policy; of a Gatekeeper constraint, `Kind/name`.")]
    enabled: Annotated[bool | None, Meta(description="Whether the policy is evaluated.")] = None
    enforcement: Annotated[
        Enforcement | None,
        Meta(description="`strict` fails the check, `warn` shows a warning, `dryrun` only counts."),
    ] = None
    rollout: Annotated[
        tuple[RolloutStep, ...],
        Meta(
            description="How the policy is made stricter step by step: of the steps whose namespaces and time hold, the"
            " last counts; else `enforcement` does."
        ),
    ] = ()
    severity: Annotated[
        AnySeverity | None, Meta(description="Severity of findings that state none; case does not count.")
    ] = None
    parameters: Annotated[
        Parameters, Meta(description="`input.parameters` of the policy, checked against the schema that it declares.")
    ] = {}
    failure_policy: Annotated[
        FailurePolicy | None,
        Meta(description="Whether `attest serve` refuses what this policy can't judge (`fail`) or goes on (`ignore`)."),
    ] = None


class Control(_Section, frozen=True, forbid_unknown_fields=True):
    """A control of SOC 2 and the policy that is evidence for it."""

    control: Annotated[Name, Meta(description="The control, such as `CC6.1`.")]
    policy: Annotated[Name, Meta(description="The policy that is evidence for it.")]
    description: Annotated[str, Meta(description="What the control asks.")] = ""


class Soc2(_Section, frozen=True, forbid_unknown_fields=True):
    """SOC 2 Type II."""

    enabled: Annotated[
        bool, Meta(description="Whether the policies that serve the framework are asked, and reports cover it.")
    ] = False
    controls: Annotated[
        tuple[Control, ...],
        Meta(
            description="The project's own controls and policies: only these are asked, and reports go by them.",
            extra={"keyed_by": "control"},
        ),
    ] = ()


class DataProtection(_Section, frozen=True, forbid_unknown_fields=True):
    """Annotations on workloads that process personal data."""

    require_annotations: Annotated[bool, Meta(description="Whether the policy `gdpr` requires the annotations.")] = (
        False
    )
    required_annotations: Annotated[
        tuple[str, ...], Meta(description="What `gdpr` and `attest-compliance` require.")
    ] = ()


class Gdpr(_Section, frozen=True, forbid_unknown_fields=True):
    """GDPR."""

    enabled: Annotated[
        bool, Meta(description="Whether the policies that serve the framework are asked, and reports cover it.")
    ] = False
    data_protection: Annotated[DataProtection, Meta(description="Annotations that name the data's handling.")] = (
        DataProtection()
    )
    privacy_by_design: Annotated[
        bool, Meta(description="Whether `gdpr` asks for TLS, and for data off the disks of nodes.")
    ] = False


class Encryption(_Section, frozen=True, forbid_unknown_fields=True):
    """Encryption of health data."""

    at_rest: Annotated[Need, Meta(description="Whether `hipaa-encryption` asks it of what is stored.")] = "optional"
    in_transit: Annotated[Need, Meta(description="Whether `hipaa-encryption` asks it of what is sent.")] = "optional"


class AccessControls(_Section, frozen=True, forbid_unknown_fields=True):
    """Access to health data."""

    minimum_necessary: Annotated[
        bool, Meta(description="Whether `minimum-necessary` asks that access is kept to what a task needs.")
    ] = False
    audit_logging: Annotated[
        Need, Meta(description="Whether `hipaa-audit-logging` asks for records of who saw what.")
    ] = "optional"


class DataClassification(_Section, frozen=True, forbid_unknown_fields=True):
    """Finding health data."""

    phi_detection: Annotated[
        Literal["enabled", "disabled"],
        Meta(description="Whether `phi-detection` looks for protected health information."),
    ] = "disabled"


class Hipaa(_Section, frozen=True, forbid_unknown_fields=True):
    """HIPAA."""

    enabled: Annotated[
        bool, Meta(description="Whether the policies that serve the framework are asked, and reports cover it.")
    ] = False
    encryption: Annotated[Encryption, Meta(description="Encryption of health data.")] = Encryption()
    access_controls: Annotated[AccessControls, Meta(description="Access to health data.")] = AccessControls()
    data_classification: Annotated[DataClassification, Meta(description="Finding health data.")] = DataClassification()


class Compliance(_Section, frozen=True, forbid_unknown_fields=True):
    """Frameworks that compliance reports cover."""

    soc2: Annotated[Soc2, Meta(description="SOC 2 Type II.")] = Soc2()
    gdpr: Annotated[Gdpr, Meta(description="GDPR.")] = Gdpr()
    hipaa: Annotated[Hipaa, Meta(description="HIPAA.")] = Hipaa()


class EvidenceKey(_Section, frozen=True, forbid_unknown_fields=True):
    """A public key that may speak of images, and of which."""

    name: Annotated[Name, Meta(description="What reports call the key.")]
    path: Annotated[str, Meta(description="Its file (PEM).", min_length=1)]
    types: Annotated[
        tuple[str, ...], Meta(description="Predicate types that it is trusted for; all where there is none.")
    ] = ()
    repositories: Annotated[
        tuple[str, ...], Meta(description="Globs of repositories that it is trusted for; all where there is none.")
    ] = ()
    begins: Annotated[Instant | None, Meta(description="The first moment at which it counts.")] = msgspec.field(
        default=None, name="from"
    )
    ends: Annotated[Instant | None, Meta(description="From when on it counts no longer.")] = msgspec.field(
        default=None, name="until"
    )


class EvidenceIdentity(_Section, frozen=True, forbid_unknown_fields=True):
    """Somebody who may sign images and attestations with certificates (keyless)."""

    name: Annotated[Name, Meta(description="What reports call them.")]
    identity: Annotated[
        str,
        Meta(
            description="What certificates say of them, or a glob of it: `release@company.com`,"
            " `https://git.example/shop/web/.github/workflows/release.yml@refs/tags/*`.",
            pattern="[A-Za-z0-9]",
        ),
    ]
    issuer: Annotated[
        str, Meta(description="Who vouches for them, exactly: `https://accounts.example`.", pattern=r"^https?://[^*]+$")
    ]
    types: Annotated[
        tuple[str, ...], Meta(description="Predicate types that they are trusted for; all where there is none.")
    ] = ()
    repositories: Annotated[
        tuple[str, ...], Meta(description="Globs of repositories that they are trusted for; all where there is none.")
    ] = ()


class EvidenceKeyless(_Section, frozen=True, forbid_unknown_fields=True):
    """The Sigstore instance whose certificates count, and whose."""

    trusted_root: Annotated[
        str, Meta(description="Its trusted root (`trusted_root.json`); without one, no certificate counts.")
    ] = ""
    identities: Annotated[
        tuple[EvidenceIdentity, ...],
        Meta(description="Who may sign; nobody else counts.", extra={"keyed_by": "name"}),
    ] = ()


class EvidenceBundle(_Section, frozen=True, forbid_unknown_fields=True):
    """A trust bundle of ATTEST, and who must have issued it."""

    path: Annotated[str, Meta(description="Its file.", min_length=1)]
    issuer: Annotated[
        str,
        Meta(
            description="The id of the issuer's key, learnt by another way than the bundle.", pattern=r"^[0-9a-f]{32}$"
        ),
    ]
    sequence: Annotated[
        str, Meta(description="The least sequence that it may have, against older bundles.", pattern=r"^[0-9]+$")
    ] = "0"


class EvidenceRegistry(_Section, frozen=True, forbid_unknown_fields=True):
    """A registry that may be asked for what refers to an image."""

    host: Annotated[
        Name, Meta(description="Its host as images name it, with the port where there is one: `registry.example:5000`.")
    ]
    token_hosts: Annotated[
        tuple[str, ...], Meta(description="Hosts that issue tokens for it, beside itself; they are sent its password.")
    ] = ()
    redirects: Annotated[tuple[str, ...], Meta(description="Hosts where its blobs lie, beside itself.")] = ()
    mirrors: Annotated[
        tuple[str, ...],
        Meta(description="Hosts of this list that are asked before it, which hold the same under the same names."),
    ] = ()
    ca_file: Annotated[str, Meta(description="Certificates (PEM) that it is trusted by, in place of the system's.")] = (
        ""
    )
    plain_http: Annotated[bool, Meta(description="Whether it is asked without TLS, as in a test.")] = False


class EvidenceOptions(_Section, frozen=True, forbid_unknown_fields=True):
    """Which proofs of other programs are verified, and whom to trust for them."""

    verify: Annotated[
        bool,
        Meta(description="Whether checks verify proofs by themselves, as with `--verify-evidence`, and servers do."),
    ] = False
    receipts: Annotated[tuple[str, ...], Meta(description="Folders with receipts, archives and exports.")] = (
        ".attest/receipts",
    )
    layouts: Annotated[tuple[str, ...], Meta(description="OCI layouts with images and what refers to them.")] = ()
    registries: Annotated[
        tuple[EvidenceRegistry, ...],
        Meta(
            description="Registries that are asked for what refers to an image; no others are.",
            extra={"keyed_by": "host"},
        ),
    ] = ()
    trust_stores: Annotated[tuple[str, ...], Meta(description="Trust stores, whose keys may sign receipts.")] = ()
    bundles: Annotated[
        tuple[EvidenceBundle, ...], Meta(description="Trust bundles, whose keys may sign receipts.")
    ] = ()
    keys: Annotated[
        tuple[EvidenceKey, ...],
        Meta(description="Keys that may sign images and attestations.", extra={"keyed_by": "name"}),
    ] = ()
    keyless: Annotated[EvidenceKeyless, Meta(description="Who may sign images and attestations with certificates.")] = (
        EvidenceKeyless()
    )
    max_age: Annotated[
        Span | None, Meta(description="The greatest age of a receipt, which a timestamp must prove.")
    ] = None
    lifetime: Annotated[Span, Meta(description="How long a fact counts after it was verified.")] = 86400.0
    refresh: Annotated[
        Span, Meta(description="How long what a registry listed of an image is gone by before it is asked again.")
    ] = 3600.0
    resolve_tags: Annotated[
        bool, Meta(description="Whether registries are asked which digest a tag names, to say so; it proves nothing.")
    ] = False
    required_steps: Annotated[tuple[str, ...], Meta(description="Steps that every receipt must have.")] = ()
    builders: Annotated[
        tuple[str, ...], Meta(description="Ids of builders that provenance (SLSA) may name; all where there is none.")
    ] = ()
    scan_max_age: Annotated[
        Span | None, Meta(description="The greatest age of a vulnerability scan, by what its signer says.")
    ] = None
    source_repositories: Annotated[
        tuple[str, ...],
        Meta(
            description="Globs of the repositories of sources that provenance (SLSA) may name, such as"
            " `https://git.example/shop/*`; all where there is none."
        ),
    ] = ()
    scan_refuses: Annotated[
        tuple[Literal["critical", "high", "medium", "low"], ...],
        Meta(description="Severities of which a vulnerability scan may have found nothing."),
    ] = ()
    clean_tree: Annotated[bool, Meta(description="Whether a receipt must say that its tree was committed.")] = False
    reproducible: Annotated[bool, Meta(description="Whether a receipt must say that building twice gave the same.")] = (
        False
    )
    image_keys: Annotated[
        tuple[str, ...],
        Meta(description="The `--key` that `attest image verify` is called with, as it is written there."),
    ] = ()
    image_checks: Annotated[
        tuple[str, ...], Meta(description="Checks that must have passed in a report of `attest image verify`.")
    ] = ("signature",)


class ConfigurationFile(_Section, frozen=True, forbid_unknown_fields=True):
    """A configuration file: the global one and the project's take the same keys."""

    policy: Annotated[PolicyOptions, Meta(description="How policies are found and evaluated.")] = PolicyOptions()
    policies: Annotated[
        tuple[PolicyEntry, ...],
        Meta(description="What is asked of each policy, by name.", extra={"keyed_by": "name"}),
    ] = ()
    exemptions: Annotated[tuple[ExemptionKeys, ...], Meta(description="Findings that do not count, and why.")] = ()
    compliance: Annotated[Compliance, Meta(description="Frameworks that compliance reports cover.")] = Compliance()
    evidence: Annotated[
        EvidenceOptions, Meta(description="Which proofs of other programs are verified, and whom to trust for them.")
    ] = EvidenceOptions()
    server: Annotated[ServerOptions, Meta(description="How `attest serve` answers.")] = ServerOptions()


class PolicySettings(msgspec.Struct, frozen=True):
    """What the configuration says of one policy; None leaves it to the policy."""

    enabled: bool | None = None
    enforcement: Enforcement | None = None
    rollout: tuple[RolloutStep, ...] = ()
    severity: Severity | None = None
    parameters: Parameters = {}
    failure_policy: FailurePolicy | None = None
    source: Source = DEFAULT


class Places(msgspec.Struct, frozen=True):
    """What holds in the folders of a project that ask for more than it, and elsewhere."""

    start: Path
    """The working directory, from which files are named."""
    elsewhere: "Settings"
    folders: Mapping[Path, "Settings"]
    """By folder (absolute, without links), outermost first."""

    def folder(self, file: str) -> Path | None:
        """The innermost folder that a file is in, wherever links lead to it from; None for elsewhere."""
        real = Path(os.path.realpath(self.start / file))
        return next((folder for folder in reversed(tuple(self.folders)) if real.is_relative_to(folder)), None)


class Settings(msgspec.Struct, frozen=True):
    """The configuration in force."""

    policy: PolicyOptions = PolicyOptions()
    policies: Mapping[str, PolicyEntry] = {}
    exemptions: tuple[ExemptionEntry, ...] = ()
    compliance: Compliance = Compliance()
    evidence: EvidenceOptions = EvidenceOptions()
    bases: Mapping[str, Path] = {}
    """The folders at which relative paths in keys of `evidence` start, by key; the project's where none is given."""
    server: ServerOptions = ServerOptions()
    modules: tuple[InlinePolicy, ...] = ()
    """The enabled custom policies."""
    root: Path | None = None
    """The project: the folder that holds `.attest`; None outside of any."""
    global_file: Path = Path()
    files: tuple[Path, ...] = ()
    """The files that were read, the global one first."""
    bundle: Path | None = None
    """`policy_bundle_path` made absolute."""
    bundle_key: Path | None = None
    """`policy_bundle_key` made absolute."""
    sources: Mapping[Key, Source] = {}
    """Where each value that is given comes from, by key."""
    places: Places | None = None
    """What holds where, where folders of the project ask for more than it."""
    departs: Mapping[Key, str] = {}
    """What the global file, variables and flags make weaker than the project's own files, in words."""

    def source(self, key: Key) -> Source:
        """Where the value of a key comes from: its own place, or that of what it is part of."""
        while key:
            if key in self.sources:
                return self.sources[key]
            key = key[:-1]
        return DEFAULT

    def for_policy(self, name: str) -> PolicySettings:
        """What the configuration says of a policy, which is wanted where it is named; `policies` wins."""
        custom = next((policy for policy in self.policy.custom_policies if policy.name == name), None)
        entry = self.policies.get(name, PolicyEntry(name))
        key: Key = ("policies", name) if name in self.policies else ("policy", "custom_policies", name)
        base = custom or CustomPolicy(name, "")
        named = base.enabled if custom or name in self.policies else None
        return PolicySettings(
            enabled=named if entry.enabled is None else entry.enabled,
            enforcement=entry.enforcement or base.enforcement,
            rollout=entry.rollout,
            severity=entry.severity or base.severity,
            parameters={**base.parameters, **entry.parameters},
            failure_policy=entry.failure_policy,
            source=next((found for at, found in self.sources.items() if at[: len(key)] == key), DEFAULT),
        )
