"""Verifies a pack without network: every signature, every digest, and that each part says what the others say.

1. The archive has the one form that packs have, or nothing of it is believed (`archive.unpack`).
2. The statement is signed, in the namespace of packs, by a key that the verifier trusts.
3. The statement accounts for every entry, and each is the one that was signed.
4. Policies, findings, approvals and report belong together.

What no signature can prove is said beside: above all that the engine found of these resources what the findings say.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.sources import Sources
from attest_governance.comply.packs import archive, contents, statement
from attest_governance.comply.packs.approvals import GOVERNED, Approvals
from attest_governance.comply.packs.contents import FILES, PackedEvidence, PackedPolicies
from attest_governance.comply.packs.linked import Findings, Reported
from attest_governance.comply.packs.proofs import prove
from attest_governance.decoding import decode
from attest_governance.errors import AttestError, GovernanceError, InputError
from attest_governance.evaluate import set_digest
from attest_governance.exempt.times import parse_instant
from attest_governance.govern.records.event import CLOCK_SKEW
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.signing.sshsig import PACKS
from attest_governance.govern.trail import audit
from attest_governance.govern.trust import Trust
from attest_governance.model.packs import PackCheck, PackView, Standing
from attest_governance.report import words

T = TypeVar("T")
_ALWAYS = (contents.REPORT, contents.FINDINGS, contents.POLICIES)
_KNOWN = (*_ALWAYS, contents.DECISIONS, contents.EVIDENCE, contents.HEAD, *contents.GOVERNANCE.values())


class Verifier(msgspec.Struct, frozen=True, kw_only=True):
    """Who verifies: by which keys, when, and with which product at hand."""

    trust: Trust
    now: datetime
    version: str
    shipped: Path
    """The policies that ship with that version."""
    shipped_frameworks: Path
    proofs: Sources | None = None
    """Whose keys count for the proofs of images; None to leave proofs unjudged."""
    project: str | None = None
    """The id of the governed project that the pack must be of, which may be empty; None for any or none."""


def verify_pack(data: bytes, name: str, verifier: Verifier) -> PackView:
    """What is found about a pack; `name` is what messages call it.

    Raises:
        InputError: it can't be read as a pack at all.
    """
    entries = archive.unpack(data, name)
    if next(iter(entries), "") != statement.ENTRY:
        raise InputError(f"the pack does not begin with `{statement.ENTRY}`", file=name, hint="take it as it was made")
    signed = entries.pop(statement.ENTRY)
    view = PackView(pack=name, sha256=statement.digest(data), intact=False)
    try:
        opened = statement.opened(signed)
        moment = parse_instant(opened.statement.predicate.made_at)
    except ValueError as error:
        refused = PackCheck("signature", "refused", f"the statement is not genuine: {error}")
        return msgspec.structs.replace(view, checks=(refused,))
    found = _Verification(entries, opened, moment, verifier)
    found.archive(data, {statement.ENTRY: signed, **entries})
    found.everything()
    predicate = opened.statement.predicate
    return msgspec.structs.replace(
        view,
        intact=all(check.standing != "refused" for check in found.checks),
        signer=found.signer,
        key=opened.key.fingerprint,
        made_at=predicate.made_at,
        frameworks=predicate.frameworks,
        policy_set=predicate.policy_set,
        versions=predicate.versions,
        checks=tuple(found.checks),
    )


class _Verification:
    """One pack on the way; `checks` is what has been found about it."""

    def __init__(
        self, entries: Mapping[str, bytes], opened: statement.Opened, moment: datetime, verifier: Verifier
    ) -> None:
        self._entries, self._opened, self._moment, self._verifier = entries, opened, moment, verifier
        self._predicate = opened.statement.predicate
        self.signer = ""
        self.checks: list[PackCheck] = []

    def everything(self) -> None:
        """Makes all checks: one that is refused keeps no other from being made."""
        checks: tuple[tuple[str, Callable[[], None]], ...] = (
            ("signature", self._signature),
            ("entries", self._all_entries),
            ("policies", self._policies),
            ("findings", self._findings),
            ("report", self._report),
            ("approvals", self._approvals),
            ("trail", self._trail),
            ("evidence", self._evidence),
        )
        for name, check in checks:
            try:
                check()
            except (AttestError, ValueError) as error:
                self._say(name, "refused", error.message if isinstance(error, AttestError) else str(error))
        self._stated()

    def archive(self, data: bytes, whole: Mapping[str, bytes]) -> None:
        """Holds the archive to the bytes that its entries make: compression has many ways to say the same."""
        made, here = self._predicate.versions.get(archive.SQUEEZER, ""), archive.squeezed_by()
        if made != here:
            self._say("archive", "stated", f"that it is byte for byte as it was made: zlib {made} is not at hand")
        elif archive.pack(whole) == data:
            self._say("archive", "proven", "it is byte for byte as it was made")
        else:
            self._say("archive", "refused", "it holds its entries in other bytes than it was made of")

    def _say(self, name: str, standing: Standing, detail: str) -> None:
        self.checks.append(PackCheck(name, standing, detail))

    def _signature(self) -> None:
        if self._moment > self._verifier.now + CLOCK_SKEW:
            raise ValueError(f"it is dated {self._predicate.made_at}, which is still to come")
        key, trust = self._opened.key, self._verifier.trust
        self.signer = trust.person(key, self._moment, PACKS)
        self._say("signature", "proven", f"`{self.signer}` signed the statement with the key {key.fingerprint}")
        try:
            trust.person(key, self._verifier.now, PACKS)
        except ValueError as error:
            self._say("signature", "stated", f"that it was signed in time, since by now {error}")

    def _all_entries(self) -> None:
        subjects = self._opened.statement.subject
        signed = {one.name: one.digest for one in subjects}
        if len(signed) != len(subjects):
            raise ValueError("the statement names an entry twice")
        wrong = list(_differences(signed, self._entries))
        wrong += [f"`{name}` is missing" for name in _ALWAYS if name not in self._entries]
        if not wrong:  # only then there is a list of files to believe
            wrong = [f"`{name}` is not part of a pack" for name in self._entries if not self._belongs(name)]
        if wrong or list(self._entries) != sorted(self._entries):
            raise ValueError("; ".join(wrong) or "the entries are not in their order")
        self._say("entries", "proven", f"all {len(signed)} entries are those that were signed")

    def _belongs(self, name: str) -> bool:
        if name.startswith(FILES):
            return name.removeprefix(FILES) in self._listed
        return name in _KNOWN or name.startswith(contents.RECORDS)

    @cached_property
    def _packed(self) -> PackedPolicies:
        return self._read(contents.POLICIES, PackedPolicies)

    @cached_property
    def _listed(self) -> set[str]:
        files = [*self._packed.files, *self._packed.frameworks]
        if contents.EVIDENCE in self._entries:
            files += self._read(contents.EVIDENCE, PackedEvidence).proofs
        return {one.sha256 for one in files}

    def _policies(self) -> None:
        listed = self._packed
        for one in (*listed.files, *listed.frameworks):
            self._file(one)
        if set_digest(one.sha256 for one in listed.files) != listed.policy_set:
            raise ValueError("the policy set is not made of the files that are listed")
        said = {listed.policy_set, self._predicate.policy_set, self._found.policy_set}
        if len(said) > 1:
            raise ValueError("statement, findings and policies name different policy sets")
        named = {one.path for one in listed.files}
        if without := [one.name for one in listed.policies if one.file and one.file not in named]:
            raise ValueError(f"the policy `{without[0]}` is in none of the files")
        about = f"the policy set {listed.policy_set} is made of the {len(listed.files)} files in the pack"
        self._say("policies", "proven", about)
        self._shipped(listed)

    def _shipped(self, listed: PackedPolicies) -> None:
        """Compares what is said to ship with the product with the one at hand."""
        folders = {contents.SHIPPED: self._verifier.shipped, contents.FRAMEWORKS: self._verifier.shipped_frameworks}
        every = (*listed.files, *listed.frameworks)
        files = [(one, prefix) for one in every for prefix in folders if one.path.startswith(prefix)]
        version = self._predicate.versions.get("attest", "")
        if version != self._verifier.version:
            detail = f"that {len(files)} files ship with version {version}: at hand is {self._verifier.version}"
            self._say("policies", "stated", detail)
            return
        for one, prefix in files:
            path = folders[prefix] / one.path.removeprefix(prefix)
            inside = path.resolve().is_relative_to(folders[prefix].resolve())
            if not inside or not path.is_file() or statement.digest(path.read_bytes()) != one.sha256:
                raise ValueError(f"the file `{one.path}` is not the one that ships with version {version}")
        self._say("policies", "proven", f"{len(files)} files are those that ship with version {version}")

    def _file(self, one: contents.PackedFile) -> None:
        content = self._entries.get(FILES + one.sha256)
        if content is None or statement.digest(content) != one.sha256:
            raise ValueError(f"the file `{one.path}` is not in the pack as it is listed")

    @cached_property
    def _found(self) -> Findings:
        return self._as(contents.FINDINGS, Findings)

    def _findings(self) -> None:
        self._found.ensure_counted()
        number = len(self._found.findings)
        self._say("findings", "proven", f"there are as many findings as were counted: {number}")

    def _report(self) -> None:
        report = self._as(contents.REPORT, Reported)
        report.ensure_linked(self._found, self._predicate.frameworks)
        if report.scope.origin == "decisions":
            self._decisions(report)
        self._say("report", "proven", f"the report ({report.verdict}) is one of these findings, and its numbers add up")

    def _decisions(self, report: Reported) -> None:
        """Judges the decision log once more, by what it says itself."""
        if contents.DECISIONS not in self._entries:
            raise ValueError("the report is one of decisions, and they are not in the pack")
        number = self._found.ensure_decided(self._entries[contents.DECISIONS], report.scope, self._moment)
        are = "is" if number == 1 else "are"
        about = f"the findings are those of the {words.count(number, 'decision')} in the pack that {are} of the period"
        self._say("report", "proven", about)

    def _approvals(self) -> None:
        if contents.GOVERNANCE[RULES_FILE] not in self._entries:
            self._ungoverned()
            return
        approvals = Approvals(self._entries, self._verifier.trust, self._moment)
        if approvals.project != self._predicate.project or self._verifier.project not in (None, approvals.project):
            raise ValueError("the pack is one of another project")
        self._say("approvals", "proven", f"{approvals.events()} signed acts of the records are genuine")
        listed = self._packed
        if approvals.ask_for_policies:
            approved = approvals.policy_set((*listed.files, *listed.frameworks))
            self._say("approvals", "proven", f"policies and frameworks are those of {approved}")
        else:
            self._say("approvals", "stated", "that these policies are wanted: the rules ask for no approval of them")
        self._exemptions(approvals)

    def _ungoverned(self) -> None:
        if self._predicate.project or self._verifier.project is not None:
            raise ValueError("the project is governed, and the pack holds nothing of that")
        for one in self._found.findings:
            if one.waiver is not None and one.waiver.kind in GOVERNED:
                raise ValueError(f"{one} is exempted as `{one.waiver.kind}`, and the pack holds no rules and records")
        self._say("approvals", "stated", "who approved policies and exemptions: the project is not governed")

    def _exemptions(self, approvals: Approvals) -> None:
        known = Counter[str]()
        for one in self._found.findings:
            if one.waiver is None:
                continue
            if one.waiver.kind == "baseline":
                known["that it was known before"] += 1
            elif approvals.ask_for_exemptions or one.waiver.kind in GOVERNED:
                try:
                    known[approvals.exemption(one)] += 1
                except GovernanceError as error:
                    self._say("approvals", "refused", f"{one} is not exempted: {error.message}")
            else:
                known[f"that it is exempted as `{one.waiver.kind}`"] += 1
        for said, count in sorted(known.items()):
            standing: Standing = "stated" if said.startswith("that ") else "proven"
            self._say("approvals", standing, f"{said} ({words.count(count, 'finding')})")

    def _trail(self) -> None:
        if contents.HEAD not in self._entries:
            return
        head = audit.read_head(self._entries[contents.HEAD], contents.HEAD)
        person = audit.signer_of_head(head, self._verifier.trust)
        about = f"`{person}` signed at {head.at} that the audit trail has {head.length} entries and ends in {head.hash}"
        self._say("trail", "proven", about)

    def _evidence(self) -> None:
        if contents.EVIDENCE not in self._entries:
            return
        evidence = self._read(contents.EVIDENCE, PackedEvidence)
        for one in evidence.proofs:
            self._file(one)
        if self._verifier.proofs is None:
            hint = "`--trust-store` judges them by keys of your own"
            self._say("evidence", "stated", f"what {len(evidence.proofs)} proofs in the pack prove of images; {hint}")
            return
        proven = prove(evidence, self._entries, self._verifier.proofs, self._moment)
        facts, proofs = words.count(proven.facts, "fact"), words.count(proven.proofs, "proof")
        self._say("evidence", "proven", f"what images are said to have rests on what you trust: {facts}, {proofs}")
        if proven.elsewhere:
            about = f"{words.count(proven.elsewhere, 'fact')} about images, with proofs that are not in the pack"
            self._say("evidence", "stated", about)

    def _stated(self) -> None:
        version = ", ".join(f"{name} {value}" for name, value in self._predicate.versions.items())
        self._say("run", "stated", f"that the engine found this, and nothing else, of these resources ({version})")

    def _as(self, name: str, type_: type[T]) -> T:
        """What an entry of a report says, as far as it is held against others; it may be large."""
        if name not in self._entries:
            raise ValueError(f"`{name}` is missing")
        try:
            json.loads(self._entries[name].decode(), object_pairs_hook=_once)
            return decode(self._entries[name], type_)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"`{name}` is not what it must be: {error}") from None

    def _read(self, name: str, type_: type[T]) -> T:
        """An entry as what it must be, exactly."""
        if name not in self._entries:
            raise ValueError(f"`{name}` is missing")
        try:
            return typed(strict_json(self._entries[name], name, "entry"), type_)
        except (ValueError, InputError) as error:
            raise ValueError(f"`{name}`: {error}") from None


def _once(pairs: list[tuple[str, object]]) -> None:
    """Refuses a key that stands twice, which readers take differently; keeps nothing of what it sees."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice in an object")


def _differences(signed: Mapping[str, Mapping[str, str]], entries: Mapping[str, bytes]) -> Iterator[str]:
    for name, digests in signed.items():
        if name not in entries:
            yield f"`{name}` was signed and is missing"
        elif digests != {"sha256": statement.digest(entries[name])}:
            yield f"`{name}` is not what was signed"
    yield from (f"`{name}` was not signed" for name in entries if name not in signed)
