"""What the engine is asked: each request as it stands on the wire, with what answers it (engine/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from attest_governance.evaluate.messages import (
    CheckAnswer,
    FoldersAnswer,
    InventoryName,
    InventorySize,
    LoadAnswer,
    ProfileProgress,
    Progress,
    QueryAnswer,
    ReachAnswer,
    ResultsAnswer,
    Status,
    TemplatesAnswer,
    TestAnswer,
    TestBatch,
    Versions,
    WireBatch,
)
from attest_governance.model.authoring import Conflicts, GeneratedTests
from attest_governance.model.play import Measured, Tested
from attest_governance.model.profile import MadeResources, Optimization, Profile
from attest_governance.model.sources import (
    BundleAnswer,
    LeaveOut,
    Left,
    PolicySources,
    ResultsPlace,
    Selected,
    Text,
    Verification,
)
from attest_governance.model.trace import Traces
from attest_governance.model.verdict import Validation

P = TypeVar("P")
A = TypeVar("A")

BAD_PARAMETERS = -32602
"""The code of an `EngineRequestError` for parameters that can't be used."""
LONG = 6 * 3600.0
"""Seconds for what takes as long as there are files: no job of a pipeline lives longer."""


class Request(msgspec.Struct, Generic[P, A], frozen=True, rename="camel"):
    """A request that is answered by an A, after any number of Ps."""

    method: ClassVar[str]
    answer: ClassVar[Any]
    part: ClassVar[Any] = None
    limit: ClassVar[float] = 600.0
    """Seconds after which the engine gives up, where the caller does not say."""


class Initialize(Request[None, Versions], frozen=True):
    """The two sides agree on the protocol; `memory` is in bytes, `lasting` spares it at the cost of speed."""

    method, answer = "initialize", Versions
    protocol: int
    client: str
    memory: int
    jobs: int
    lasting: bool = False


class GetStatus(Request[None, Status], frozen=True):
    """Asks what the process holds."""

    method, answer = "status", Status


class Load(Request[None, LoadAnswer], frozen=True):
    """Reads and compiles policies; with `keep`, the answer has what it takes to do so again without files: `kept`."""

    method, answer = "policies/load", LoadAnswer
    sources: PolicySources
    keep: bool = False
    kept: str = ""


class Results(Request[None, ResultsAnswer], frozen=True):
    """Asks what a folder of results holds; with `clear` it is emptied, and the answer says of what."""

    method, answer = "results", ResultsAnswer
    folder: str
    key: str
    clear: bool = False


class Unload(Request[None, None], frozen=True):
    """Frees a set."""

    method, answer = "policies/unload", None
    set: str


class Check(Request[WireBatch, CheckAnswer], frozen=True):
    """Judges manifests; `timeout` is that of one evaluation, in milliseconds."""

    method, answer, part, limit = "check", CheckAnswer, WireBatch, LONG
    set: str
    policies: tuple[Selected, ...]
    paths: tuple[str, ...]
    inputs: tuple[Text, ...]
    namespace: str
    operation: str
    inventory: tuple[str, ...]
    inventory_inputs: tuple[Text, ...]
    timeout: int
    jobs: int
    checked: bool
    fail_fast: bool
    debug: bool
    fragments: bool
    results: ResultsPlace
    leave_out: LeaveOut
    rendered: tuple[Left, ...] = ()
    """Files whose patches of kustomizations are judged in what these render to."""
    within: Mapping[str, str] = {}
    """What inputs were rendered from, by their file: two renderings define no duplicates."""
    timed: bool = False
    enforcement_point: str = ""
    held: str = ""
    """The name of an open inventory; empty for none."""


class Review(Request[None, WireBatch], frozen=True, omit_defaults=True):
    """Judges an AdmissionReview (JSON) as an API server sent it, which is attached; the fields are those of `Check`."""

    method, answer = "review", WireBatch
    set: str
    policies: tuple[Selected, ...]
    review: str
    """What problems call it."""
    timeout: int
    inventory_inputs: tuple[Text, ...] = ()
    debug: bool = False
    checked: bool = False
    timed: bool = False
    enforcement_point: str = ""
    held: str = ""


class ObjectName(msgspec.Struct, frozen=True, rename="camel"):
    """What Kubernetes tells objects of a version apart by; `namespace` is empty outside of one."""

    api_version: str
    kind: str
    namespace: str
    name: str


class OpenInventory(Request[None, InventoryName], frozen=True):
    """Opens an inventory without objects, whose texts may come to so many `bytes`."""

    method, answer = "inventory/open", InventoryName
    bytes: int


class ApplyInventory(Request[None, InventorySize], frozen=True):
    """Takes away what is `gone`, then adds `objects` (JSON)."""

    method, answer = "inventory/apply", InventorySize
    inventory: str
    objects: tuple[msgspec.Raw, ...]
    gone: tuple[ObjectName, ...] = ()


class CloseInventory(Request[None, None], frozen=True):
    """Frees an inventory."""

    method, answer = "inventory/close", None
    inventory: str


class FindFolders(Request[None, FoldersAnswer], frozen=True):
    """Asks for the charts and kustomizations below some paths."""

    method, answer = "folders", FoldersAnswer
    paths: tuple[str, ...]
    leave_out: LeaveOut = LeaveOut()


class Query(Request[None, QueryAnswer], frozen=True):
    """Evaluates rules of a package; `input` is a text in JSON, `timeout` in milliseconds."""

    method, answer = "data/query", QueryAnswer
    set: str
    package: str
    path: tuple[str, ...]
    input: str
    timeout: int


class ServedKind(msgspec.Struct, frozen=True, rename="camel"):
    """A kind as a cluster serves it."""

    api_version: str
    kind: str
    namespaced: bool


class Reach(Request[None, ReachAnswer], frozen=True):
    """Asks at which kinds policies may look."""

    method, answer = "policies/reach", ReachAnswer
    set: str
    policies: tuple[Selected, ...]
    kinds: tuple[ServedKind, ...]


class View(msgspec.Struct, frozen=True, rename="camel"):
    """What of a trace to show."""

    explain: Literal["", "full", "fails", "notes", "fired"] = ""
    """Empty: what decided. `fired`: only bodies that gave a violation."""
    rule: str = ""
    resource: str = ""
    """`Kind/namespace/name`: only this one."""
    message: str = ""
    """With `fired`: only what gave this message."""
    value_chars: int = 0
    """How much of a value is shown; 0 is the engine's default."""


class Trace(Request[None, Traces], frozen=True):
    """A check of manifests or whole input documents that says how each policy came to its answer."""

    method, answer, limit = "trace", Traces, LONG
    check: Check
    view: View


class Measure(Request[ProfileProgress, Profile], frozen=True):
    """Measures what the policies of a check cost."""

    method, answer, part, limit = "profile", Profile, ProfileProgress, LONG
    check: Check


class Play(Request[None, Measured], frozen=True):
    """A trace that measures one policy, whose text is given, too."""

    method, answer = "playground/evaluate", Measured
    trace: Trace
    policy: Text


class PlayTests(Request[None, Tested], frozen=True):
    """Runs the tests in a file of a set, named `tests`, and measures which lines of a policy they reach."""

    method, answer = "playground/test", Tested
    set: str
    policy: Text
    tests: str
    timeout: int


class RunTests(Request[TestBatch, TestAnswer], frozen=True, kw_only=True):
    """Runs the unit tests and Suites of policies, which are found beside them; parts come in no order."""

    method, answer, part, limit = "test", TestAnswer, TestBatch, LONG
    sources: PolicySources
    packages: tuple[str, ...] = ()
    """Only tests of these policy packages; empty for all."""
    below: tuple[str, ...] = ()
    """Only tests in these files and folders; empty for all."""
    library_tests: bool = False
    run: str = ""
    """Only tests whose name matches this regular expression."""
    coverage: bool = False
    jobs: int = 0
    timeout: int = 0
    """Of one test, in milliseconds."""
    skip_rego: bool = False
    skip_suites: bool = False


class Validate(Request[None, Validation], frozen=True):
    """Asks for everything that is wrong with policies, bundles of them, and manifests."""

    method, answer = "validate", Validation
    paths: tuple[str, ...]
    libraries: tuple[str, ...]
    shipped: tuple[str, ...]
    """Folders with policies that a check would load as well."""
    leave_out: LeaveOut = LeaveOut()
    inputs: tuple[Text, ...] = ()
    verification: Verification | None = None
    kubernetes: str = ""
    """The version of Kubernetes whose types manifests are held to; empty for the newest."""
    input_form: str = ""
    """What policies that don't ship see as `input`, as in `PolicySources`."""


class InspectBundle(Request[None, BundleAnswer], frozen=True):
    """Reads a bundle, verifies it, and compiles it with `libraries` where that is asked."""

    method, answer = "bundle/inspect", BundleAnswer
    path: str
    verification: Verification | None = None
    libraries: tuple[str, ...] = ()
    compile: bool = False


class BuildBundle(Request[None, BundleAnswer], frozen=True):
    """Writes a bundle of policies, Gatekeeper objects and data."""

    method, answer = "bundle/build", BundleAnswer
    paths: tuple[str, ...]
    output: str
    revision: str = ""


class SignBundle(Request[None, BundleAnswer], frozen=True):
    """Signs a bundle, an archive or a folder."""

    method, answer = "bundle/sign", BundleAnswer
    path: str
    output: str
    """Empty: it is signed where it is."""
    key_file: str
    """A private key in PEM form."""
    algorithm: str = ""
    """Empty: the usual one of the key's type."""
    key_id: str = ""
    scope: str = ""


class GenerateTests(Request[Progress, GeneratedTests], frozen=True):
    """Writes Rego tests for a policy file; `budget` is how many inputs are tried, 0 for the default."""

    method, answer, part = "tests/generate", GeneratedTests, Progress
    file: str
    libraries: tuple[str, ...]
    examples: tuple[str, ...]
    budget: int


class FindConflicts(Request[Progress, Conflicts], frozen=True):
    """Looks for policies that contradict, repeat or weaken each other."""

    method, answer, part = "conflicts", Conflicts, Progress
    sources: PolicySources
    policies: tuple[Selected, ...]
    enforcement: Mapping[str, str]
    examples: tuple[str, ...]
    budget: int


class Optimize(Request[Progress, Optimization], frozen=True, kw_only=True):
    """Asks how a policy file could be cheaper; `parameters` are those of the configuration, by policy."""

    method, answer, part = "optimize", Optimization, Progress
    file: str
    text: str
    """Its content; empty to read it."""
    libraries: tuple[str, ...]
    paths: tuple[str, ...]
    """Sample data: manifests; none for the policy's examples."""
    parameters: Mapping[str, Mapping[str, Any]]
    data: dict[str, Any]
    budget: int
    strict_errors: bool
    timeout: int
    """Of one evaluation, in milliseconds."""


class MakeSamples(Request[Progress, MadeResources], frozen=True, kw_only=True):
    """Asks for resources to measure a policy file with; the members are those of `Optimize`."""

    method, answer, part = "samples", MadeResources, Progress
    file: str
    libraries: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    data: dict[str, Any]
    budget: int = 0
    timeout: int
    """Of one evaluation, in milliseconds."""


class TranslatePolicies(Request[None, TemplatesAnswer], frozen=True):
    """Turns plain policies into the Rego of Gatekeeper templates, and reads the objects beside them."""

    method, answer = "gatekeeper/templates", TemplatesAnswer
    sources: PolicySources
    policies: tuple[str, ...]
