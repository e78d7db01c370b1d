"""Compliance packs that somebody altered, cut or forged: each is refused with its reason, and none is believed.

Some attackers have no key; others have one that is trusted, and sign again what they altered.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from attest_governance.adapters.store import Stored
from attest_governance.attestations.statements.dsse import IN_TOTO, Envelope, Signature
from attest_governance.comply.packs import archive, statement
from attest_governance.errors import GovernanceError, InputError
from attest_governance.evaluate import set_digest
from attest_governance.govern.records.event import from_document
from attest_governance.govern.signing import sshsig
from attest_governance.govern.trust import parse_trust
from tests.govern.people import DAY, NOW, signer, signer_line, write
from tests.govern.test_policyset import POLICY
from tests.packs.making import (
    SIGNERS,
    changed,
    exempted,
    finding,
    given,
    governed,
    pack,
    refused,
    signed_again,
    verify,
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pack of a governed project, with a violation, a warning and an exempted finding."""
    root = tmp_path_factory.mktemp("project")
    record = governed(root)
    return pack(given(root, finding(), finding(enforcement="warn", message="no limits"), exempted(record)))


def entries(data: bytes) -> dict[str, bytes]:
    return archive.unpack(data, "test")


def entry(data: bytes, start: str) -> str:
    """The name of the one entry that begins so."""
    (found,) = [name for name in entries(data) if name.startswith(start)]
    return found


def names(data: bytes, part: str) -> list[str]:
    return [name for name in entries(data) if part in name]


def edited(data: bytes, name: str, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The bytes of a JSON entry after an edit in place."""
    document = json.loads(entries(data)[name])
    edit(document)
    return json.dumps(document).encode()


def without_first(document: dict[str, Any]) -> None:
    """Takes the violation away, and corrects the count."""
    del document["findings"][0]
    document["violations"] = 0


def policy_entry(data: bytes) -> str:
    """The entry that holds the project's policy."""
    listed = json.loads(entries(data)["policies.json"])["files"]
    (sha256,) = [one["sha256"] for one in listed if not one["path"].startswith("<shipped>")]
    return f"files/{sha256}"


def swapped(data: bytes, path: str) -> dict[str, bytes | None]:
    """Another policy in the place of one, with every digest that speaks of it made right."""
    listed = json.loads(entries(data)["policies.json"])
    (old,) = [one for one in listed["files"] if path in one["path"]]
    content = b"package nothing\n"
    gone = f"files/{old['sha256']}"
    old["sha256"] = statement.digest(content)
    before, listed["policySet"] = listed["policySet"], set_digest(one["sha256"] for one in listed["files"])
    renamed = {
        name: entries(data)[name].replace(before.encode(), listed["policySet"].encode())
        for name in ("report.json", "findings.json")
    }
    return {gone: None, f"files/{old['sha256']}": content, "policies.json": json.dumps(listed).encode(), **renamed}


def framework_swapped(data: bytes) -> dict[str, bytes | None]:
    """A framework in which a policy that passes serves the control, with its digest made right."""
    listed = json.loads(entries(data)["policies.json"])
    (one,) = listed["frameworks"]
    content = entries(data)[f"files/{one['sha256']}"].replace(b"attest-security", b"attest-nothing")
    gone, one["sha256"] = f"files/{one['sha256']}", statement.digest(content)
    return {gone: None, f"files/{one['sha256']}": content, "policies.json": json.dumps(listed).encode()}


# ---- without a key ----

OUTSIDE: dict[str, tuple[Callable[[bytes], dict[str, bytes | None]], str]] = {
    "a finding removed": (
        lambda data: {"findings.json": edited(data, "findings.json", without_first)},
        "`findings.json` is not what was signed",
    ),
    "a report that says better": (
        lambda data: {"report.json": entries(data)["report.json"].replace(b"not met", b"met")},
        "`report.json` is not what was signed",
    ),
    "an approval missing": (
        lambda data: {names(data, "records/exemption")[0]: None},
        "was signed and is missing",
    ),
    "an approval of the policies missing": (
        lambda data: {next(name for name in names(data, "records/policy-set") if "/approve-" in name): None},
        "no policy set in the pack is approved",
    ),
    "the whole record of an exemption missing": (
        lambda data: dict.fromkeys(names(data, "records/exemption")),
        "is not in the pack",
    ),
    "a policy swapped": (
        lambda data: {policy_entry(data): b"package nothing\n"},
        "is not in the pack as it is listed",
    ),
    "a policy missing": (lambda data: {policy_entry(data): None}, "was signed and is missing"),
    "an entry added": (lambda _: {"files/readme": b"all is well\n"}, "`files/readme` was not signed"),
    "a second statement": (
        lambda data: {"statement2.dsse.json": entries(data)[statement.ENTRY]},
        "`statement2.dsse.json` was not signed",
    ),
    "other keys as the project's": (
        lambda _: {"governance/allowed-signers": signer_line("mallory").encode()},
        "`governance/allowed-signers` is not what was signed",
    ),
    "weaker rules": (
        lambda data: {
            "governance/rules.yaml": entries(data)["governance/rules.yaml"].replace(b"reviewers: 2", b"reviewers: 1")
        },
        "`governance/rules.yaml` is not what was signed",
    ),
    "the head of the trail taken out": (lambda _: {"trail/head.json": None}, "`trail/head.json` was signed"),
    "the head of the trail shortened": (
        lambda data: {"trail/head.json": edited(data, "trail/head.json", lambda head: head.update(length=1))},
        "the signed head is not genuine",
    ),
    "a report in UTF-16": (
        lambda data: {"report.json": entries(data)["report.json"].decode().encode("utf-16")},
        "`report.json` is not what it must be",
    ),
    "a report that is nested without end": (lambda _: {"report.json": b"[" * 100_000}, "is not what it must be"),
    "no report": (lambda _: {"report.json": None}, "`report.json` is missing"),
    "a report that is no JSON": (lambda _: {"report.json": b"<h1>fine</h1>"}, "`report.json` is not what it must be"),
    "a report with a key twice": (lambda _: {"report.json": b'{"verdict":"met","verdict":"met"}'}, "twice"),
    "a report that is a list": (lambda _: {"report.json": b"[]"}, "`report.json` is not what it must be"),
    "findings of another shape": (
        lambda _: {"findings.json": b'{"findings":7}'},
        "`findings.json` is not what it must be",
    ),
    "policies of another shape": (lambda _: {"policies.json": b'{"files":[{"path":7}]}'}, "`policies.json`"),
}


@pytest.mark.parametrize(("attack", "said"), OUTSIDE.values(), ids=OUTSIDE)
def test_what_was_altered_without_a_key_is_refused(
    packed: bytes, attack: Callable[[bytes], dict[str, bytes | None]], said: str
) -> None:
    why = refused(verify(changed(packed, attack(packed))))
    assert any(said in one for one in why), why
    assert any(one.startswith("entries: ") for one in why), why


def test_one_byte_altered_in_any_entry_is_refused(packed: bytes) -> None:
    for name, content in entries(packed).items():
        for place in {0, len(content) // 2, len(content) - 1}:
            altered = bytearray(content)
            altered[place] ^= 1
            why = refused(verify(changed(packed, {name: bytes(altered)})))
            assert why, (name, place)
            wanted = "the statement is not genuine" if name == statement.ENTRY else f"`{name}` is not what was signed"
            assert any(wanted in one for one in why), (name, place, why)


def test_any_byte_of_the_statement_counts(packed: bytes) -> None:
    content = entries(packed)[statement.ENTRY]
    for place in range(len(content) - 900, len(content), 7):  # the end of the payload, the signature, the key's name
        for flip in (1, 32):
            altered = bytearray(content)
            altered[place] ^= flip
            assert refused(verify(changed(packed, {statement.ENTRY: bytes(altered)}))), (place, flip)


def test_an_entry_that_is_cut_or_longer_is_refused(packed: bytes) -> None:
    content = entries(packed)["findings.json"]
    for other in (b"", content[:-1], content + b" "):
        assert refused(verify(changed(packed, {"findings.json": other})))


# ---- with a key that nobody trusts, or another signature ----


def forged(data: bytes, **fields: Any) -> bytes:
    """The pack with an envelope that has other fields."""
    envelope = msgspec.json.decode(entries(data)[statement.ENTRY], type=Envelope)
    new = msgspec.structs.replace(envelope, **fields)
    return changed(data, {statement.ENTRY: msgspec.json.format(msgspec.json.encode(new)) + b"\n"})


def in_namespace(data: bytes, namespace: str, who: str = "alice") -> bytes:
    envelope = msgspec.json.decode(entries(data)[statement.ENTRY], type=Envelope)
    armoured = sshsig.sign(envelope.signed, signer(who), namespace)
    return forged(data, signatures=(Signature(b64encode(armoured.encode()).decode(), signer(who).key.fingerprint),))


def of_the_payload_alone(data: bytes) -> bytes:
    """A signature of the payload without its type: DSSE signs both."""
    envelope = msgspec.json.decode(entries(data)[statement.ENTRY], type=Envelope)
    armoured = sshsig.sign(envelope.content, signer("alice"), sshsig.PACKS)
    return forged(data, signatures=(Signature(b64encode(armoured.encode()).decode(), signer("alice").key.fingerprint),))


def signature(data: bytes) -> Signature:
    return msgspec.json.decode(entries(data)[statement.ENTRY], type=Envelope).signature


def url_safe(data: bytes) -> bytes:
    """The same envelope in the other alphabet of base64."""
    envelope = msgspec.json.decode(entries(data)[statement.ENTRY], type=Envelope)
    text = b64encode(b64decode(envelope.payload), b"-_").decode()
    return forged(data, payload=text + ("" if text != envelope.payload else "\n"))


FOREIGN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a foreign key": (
        lambda data: signed_again(data, {}, "mallory"),
        f"the key {signer('mallory').key.fingerprint} is not in",
    ),
    "a foreign key under a trusted name": (
        lambda data: forged(
            signed_again(data, {}, "mallory"),
            signatures=(Signature(signature(signed_again(data, {}, "mallory")).sig, signer("alice").key.fingerprint),),
        ),
        "it is not in the one form",
    ),
    "no signature": (lambda data: forged(data, signatures=()), "the envelope is unsigned"),
    "two signatures": (
        lambda data: forged(data, signatures=(signature(data), signature(signed_again(data, {}, "mallory")))),
        "more than one signature",
    ),
    "an approval as a signature": (
        lambda data: in_namespace(data, sshsig.NAMESPACE),
        "was made for `attest-governance`, not for `attest-compliance-pack`",
    ),
    "the signature of a commit": (lambda data: in_namespace(data, "git"), "was made for `git`"),
    "a signature of the payload alone": (of_the_payload_alone, "the signature does not match"),
    "another type of payload": (lambda data: forged(data, payload_type="text/plain"), "the payload is `text/plain`"),
    "another alphabet": (url_safe, "the statement is not genuine"),
    "another document as the statement": (
        lambda data: changed(data, {statement.ENTRY: b"{}"}),
        "the statement is not genuine",
    ),
}


@pytest.mark.parametrize(("attack", "said"), FOREIGN.values(), ids=FOREIGN)
def test_what_nobody_signed_who_is_trusted_is_refused(
    packed: bytes, attack: Callable[[bytes], bytes], said: str
) -> None:
    view = verify(attack(packed))
    why = refused(view)
    assert any(said in one for one in why), why
    assert view.signer == ""


def test_the_statement_of_another_kind_is_refused(packed: bytes) -> None:
    """An in-toto statement that the same person signed for something else is none of a pack."""
    payload = entries(packed)[statement.ENTRY]
    other = b64decode(msgspec.json.decode(payload, type=Envelope).payload).replace(b"compliance-pack", b"test-result")
    unsigned = Envelope(b64encode(other).decode(), IN_TOTO, ())
    armoured = sshsig.sign(unsigned.signed, signer("alice"), sshsig.PACKS)
    one = Signature(b64encode(armoured.encode()).decode(), signer("alice").key.fingerprint)
    why = refused(verify(forged(packed, payload=unsigned.payload, signatures=(one,))))
    assert any("it is a statement of `https://attest.continuu.ms/test-result/v1`" in each for each in why)


def test_the_signature_of_a_pack_is_no_approval(packed: bytes) -> None:
    """An event whose signature was made in the namespace of packs counts for nothing."""
    name = next(name for name in names(packed, "records/exemption") if "/approve-" in name)
    record, file = name.removeprefix("records/").split("/")
    text = entries(packed)[name].decode()
    event = from_document(Stored(record, file.removesuffix(".yaml"), text, name)).event
    own, other = (sshsig.sign(event.canonical, signer("alice"), space) for space in (sshsig.NAMESPACE, sshsig.PACKS))
    right, wrong = (one.strip().replace("\n", "\n  ") for one in (own, other))
    assert right in text
    with pytest.raises(GovernanceError, match="was made for `attest-compliance-pack`, not for `attest-governance`"):
        from_document(Stored(record, file.removesuffix(".yaml"), text.replace(right, wrong), name))


def test_a_project_takes_packs_of_its_own_alone(packed: bytes, tmp_path: Path) -> None:
    assert refused(verify(packed, project="")) == []
    assert refused(verify(packed, project="0" * 32)) == ["approvals: the pack is one of another project"]
    write(tmp_path, POLICY, "package pods\n")
    other = pack(given(tmp_path, finding(), project=False))
    assert refused(verify(other, project="")) == [
        "approvals: the project is governed, and the pack holds nothing of that"
    ]


def test_a_pack_from_the_future_is_refused(packed: bytes) -> None:
    assert any("which is still to come" in one for one in refused(verify(packed, now=NOW - DAY)))


def test_approvals_by_keys_that_the_verifier_does_not_trust_are_none(packed: bytes) -> None:
    why = refused(verify(packed, signer_line("alice")))
    assert any(one.startswith("approvals: ") for one in why), why


def test_a_revoked_key_signs_no_pack(packed: bytes) -> None:
    trust = parse_trust(SIGNERS, signer("alice").key.line)
    assert any("is revoked" in one for one in refused(verify(packed, trust=trust)))


# ---- with a key that is trusted: only what others signed, and what adds up, can tell ----

INSIDE: dict[str, tuple[Callable[[bytes], dict[str, bytes | None]], str]] = {
    "a finding removed from the findings": (
        lambda data: {"findings.json": edited(data, "findings.json", without_first)},
        "report: the finding of `attest-security` about `Pod/shop/web` is missing from the findings",
    ),
    "a finding removed from the report": (
        lambda data: {"report.json": edited(data, "report.json", lambda one: one["findings"].pop(0))},
        "report: the finding of `attest-security` about `Pod/shop/web` is missing from the report",
    ),
    "a finding removed, the count kept": (
        lambda data: {"findings.json": edited(data, "findings.json", lambda one: one["findings"].pop(0))},
        "findings: 1 violations are counted, and 0 are there",
    ),
    "a control that is said to be met": (
        lambda data: {"report.json": edited(data, "report.json", better)},
        "report: `soc2/CC6.1` is said to be met, against its findings",
    ),
    "a state that is miscounted": (
        lambda data: {
            "report.json": edited(data, "report.json", lambda one: one["frameworks"][0]["states"].update(met=5))
        },
        "report: the controls of `soc2` are not in the states that are counted",
    ),
    "a violation that becomes a warning": (
        lambda data: {
            "findings.json": edited(data, "findings.json", lambda one: one["findings"][0].update(enforcement="warn"))
        },
        "findings: 1 violations are counted, and 0 are there",
    ),
    "an approval missing": (
        lambda data: {next(name for name in names(data, "records/exemption") if "/approve-" in name): None},
        "approvals: the finding of `attest-security` about `Pod/monitoring/legacy-app` is not exempted:",
    ),
    "an approval of the policies missing": (
        lambda data: {next(name for name in names(data, "records/policy-set") if "/approve-" in name): None},
        "approvals: no policy set in the pack is approved, though the rules ask for one",
    ),
    "an approval that was altered": (
        lambda data: {
            name: entries(data)[name].replace(b"comment: fine", b"comment: nope")
            for name in names(data, "records/exemption")
            if "/approve-" in name
        },
        "the event is not genuine",
    ),
    "a project policy swapped": (
        lambda data: swapped(data, "pods.rego"),
        "approvals: the file `policies/security/pods.rego` is not one that was approved",
    ),
    "a shipped policy swapped": (
        lambda data: swapped(data, "<shipped>"),
        "is not the one that ships with version 1.2.3",
    ),
    "a framework swapped": (
        framework_swapped,
        "policies: the file `<frameworks>/soc2/criteria.yaml` is not the one that ships with version 1.2.3",
    ),
    "a file that no policy set lists": (
        lambda _: {f"files/{statement.digest(b'x')}": b"x"},
        "is not part of a pack",
    ),
    "an entry of another name": (lambda _: {"summary.html": b"<p>all is well"}, "`summary.html` is not part of a pack"),
    "an exemption that is stretched to another resource": (
        lambda data: {
            name: entries(data)[name]
            .replace(b'"name":"legacy-app"', b'"name":"web"')
            .replace(b'"name": "legacy-app"', b'"name": "web"')
            for name in ("report.json", "findings.json")
        },
        "does not cover it",
    ),
    "an exemption that lasts longer": (
        lambda data: {
            name: entries(data)[name].replace(b"2026-03-31T12:00:00Z", b"2027-03-31T12:00:00Z")
            for name in ("report.json", "findings.json")
        },
        "was approved with another reason or end, or by others",
    ),
    "an exemption that is said to be declared": (
        lambda data: {
            name: entries(data)[name].replace(b'"kind": "approved"', b'"kind": "declared"')
            for name in ("report.json", "findings.json")
        },
        "it is exempted as `declared`, though the rules ask for an approved request",
    ),
    "a project that is said not to be governed": (
        lambda data: {name: None for name in entries(data) if name.startswith(("governance/", "records/", "trail/"))},
        "is exempted as `approved`, and the pack holds no rules and records",
    ),
    "the id of another project": (
        lambda _: {"governance/project": b"project " + b"0" * 32 + b"\n"},
        "the pack is one of another project",
    ),
    "rules that nobody can read": (lambda _: {"governance/rules.yaml": b"governance: {rules: none}\n"}, "unknown key"),
}


def better(document: dict[str, Any]) -> None:
    """Says that a control is met, and counts it so."""
    framework = document["frameworks"][0]
    framework["controls"][0]["state"] = "met"
    framework["states"].update({"met": 1, "not met": 0})


@pytest.mark.parametrize(("attack", "said"), INSIDE.values(), ids=INSIDE)
def test_what_a_trusted_signer_altered_shows_in_what_others_signed(
    packed: bytes, attack: Callable[[bytes], dict[str, bytes | None]], said: str
) -> None:
    view = verify(signed_again(packed, attack(packed)))
    why = refused(view)
    assert any(said in one for one in why), why
    assert view.signer == "alice@company.com"
    assert not any(one.startswith("signature: ") for one in why)


# ---- what is no pack at all ----


def tarred(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT, tail: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for info, content in members:
            info.size = len(content) if info.isreg() else 0
            made.addfile(info, io.BytesIO(content))
    return squeezed(out.getvalue() + tail)


def squeezed(plain: bytes) -> bytes:
    """Bytes under the compression that packs have."""
    one = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = one.compress(plain) + one.flush()
    size = len(plain) & 0xFFFFFFFF
    return (
        b"\x1f\x8b\x08"
        + bytes(6)
        + b"\xff"
        + body
        + zlib.crc32(plain).to_bytes(4, "little")
        + size.to_bytes(4, "little")
    )


def plain(data: bytes) -> bytes:
    return gzip.decompress(data)


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def altered(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def doubled(data: bytes) -> bytes:
    """The tar with its first entry twice."""
    whole = plain(data)
    size = int(whole[124:135], 8)
    first = whole[: 512 + size + -size % 512]
    return squeezed(first + whole)


def hidden(data: bytes) -> bytes:
    """The tar with a byte in the padding of its first entry."""
    whole = bytearray(plain(data))
    size = int(bytes(whole[124:135]), 8)
    assert size % 512
    whole[512 + size] = 65
    return squeezed(bytes(whole))


NO_PACK: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "this is no compliance pack"),
    "a text": (lambda _: b"PK\x03\x04 a zip", "this is no compliance pack"),
    "a name in the compression": (lambda data: altered(data, 3), "this is no compliance pack"),
    "a time in the compression": (lambda data: altered(data, 4), "this is no compliance pack"),
    "cut in the middle": (lambda data: data[: len(data) // 2], "the pack is cut"),
    "cut at the end": (lambda data: data[:-1], "goes on behind its end, or its sum is wrong"),
    "a block of no type in its compression": (
        lambda data: data[:10] + bytes([data[10] | 6]) + data[11:],
        "can't be read",
    ),
    "its last block is not the last": (lambda data: altered(data, 10), "the pack"),
    "its sum altered": (lambda data: altered(data, len(data) - 5), "its sum is wrong"),
    "something behind it": (lambda data: data + b"x", "goes on behind its end"),
    "a second archive behind it": (lambda data: data + data, "goes on behind its end"),
    "something behind the archive, compressed": (lambda data: squeezed(plain(data) + b"x"), "goes on behind its end"),
    "zeros behind the archive": (lambda data: squeezed(plain(data) + bytes(512)), "goes on behind its end"),
    "without its end": (lambda data: squeezed(plain(data)[:-512]), "the pack is cut"),
    "an entry twice": (doubled, f"the entry `{statement.ENTRY}` stands twice"),
    "something between entries": (hidden, "something is hidden behind the entry"),
    "a link": (
        lambda _: tarred((member("report.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
        "the entry `report.json` is not the plain file",
    ),
    "a hard link": (
        lambda _: tarred((member("report.json", type=tarfile.LNKTYPE, linkname="findings.json"), b"")),
        "is not the plain file",
    ),
    "a folder": (lambda _: tarred((member("files", type=tarfile.DIRTYPE), b"")), "is not the plain file"),
    "a device": (lambda _: tarred((member("report.json", type=tarfile.CHRTYPE), b"")), "is not the plain file"),
    "a path that leads out": (lambda _: tarred((member("../report.json"), b"{}")), "`../report.json` is not the plain"),
    "an absolute path": (lambda _: tarred((member("/etc/cron.d/x"), b"{}")), "`/etc/cron.d/x` is not the plain"),
    "a path with a dot": (lambda _: tarred((member("./report.json"), b"{}")), "is not the plain file"),
    "a name with a control character": (lambda _: tarred((member("a\x1b[2Jb"), b"{}")), "is not the plain file"),
    "an owner": (lambda _: tarred((member("report.json", uname="root"), b"{}")), "is not the plain file"),
    "a time": (lambda _: tarred((member("report.json", mtime=1), b"{}")), "is not the plain file"),
    "a program": (lambda _: tarred((member("report.json", mode=0o755), b"{}")), "is not the plain file"),
    "a header of pax": (
        lambda _: tarred((member("report.json", pax_headers={"comment": "x"}), b"{}"), form=tarfile.PAX_FORMAT),
        "is not the plain file",
    ),
    "a long name of GNU": (
        lambda _: tarred((member("a" * 200), b"{}"), form=tarfile.GNU_FORMAT),
        "is not the plain file",
    ),
    "entries without a statement": (
        lambda data: archive.pack({name: one for name, one in entries(data).items() if name != statement.ENTRY}),
        f"does not begin with `{statement.ENTRY}`",
    ),
    "a bomb": (lambda _: bomb(), "expands to more than 512 MiB"),
    "a bomb behind the end": (lambda data: squeezed(plain(data) + bytes(64 << 20)), "goes on behind its end"),
    "no entries": (lambda _: archive.pack({}), "does not begin with"),
}


def bomb() -> bytes:
    """One entry that says, and is, a gigabyte of zeros; its compressed bytes are a megabyte."""
    info = member("report.json")
    info.size = 1 << 30
    one = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [one.compress(info.tobuf(tarfile.USTAR_FORMAT))]
    parts += [one.compress(bytes(1 << 20)) for _ in range(64)]
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + b"".join(parts) + one.flush()


@pytest.mark.parametrize(("attack", "said"), NO_PACK.values(), ids=NO_PACK)
def test_what_is_not_in_the_one_form_of_packs_is_not_read(
    packed: bytes, attack: Callable[[bytes], bytes], said: str
) -> None:
    with pytest.raises(InputError, match=r".*") as raised:
        verify(attack(packed))
    assert said in raised.value.message


def some_bytes(data: bytes) -> Iterator[int]:
    yield from range(0, len(data), max(1, len(data) // 150))


def test_one_byte_altered_anywhere_is_never_intact(packed: bytes) -> None:
    for at in some_bytes(packed):
        try:
            view = verify(altered(packed, at))
        except InputError:
            continue
        assert not view.intact, at


def test_more_entries_than_a_pack_may_have_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive.pack({f"files/{number}": b"" for number in range(12)})
    monkeypatch.setattr(archive, "MOST_ENTRIES", 10)
    with pytest.raises(InputError, match="more than 10 entries"):
        archive.unpack(data, "test")


def test_a_pack_on_disk_is_read_as_it_is(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(packed)
    assert verify((tmp_path / "a").read_bytes()).intact
