"""SSH signatures: ours are accepted by ssh-keygen, its are accepted here, and forgeries by neither."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attest_governance.errors import UsageError
from attest_governance.govern.signing import keys, sshsig
from attest_governance.govern.signing.signers import FileSigner, PrivateKey, find_agent, load_signer
from attest_governance.govern.signing.wire import string

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = b'{"act":"approve"}'
SSH_KEYGEN = shutil.which("ssh-keygen")
needs_ssh = pytest.mark.skipif(SSH_KEYGEN is None, reason="LOUD: ssh-keygen is not installed, so nothing was compared")

KEYS: dict[str, PrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(b"1" * 32),
    "nistp256": ec.derive_private_key(3**160, ec.SECP256R1()),
    "nistp384": ec.derive_private_key(3**240, ec.SECP384R1()),
    "nistp521": ec.derive_private_key(3**325, ec.SECP521R1()),
}


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture(params=[*KEYS, "rsa"])
def private(request: pytest.FixtureRequest, rsa_key: rsa.RSAPrivateKey) -> PrivateKey:
    return rsa_key if request.param == "rsa" else KEYS[request.param]


def keygen(*arguments: str, data: bytes = MESSAGE, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    assert SSH_KEYGEN
    return subprocess.run([SSH_KEYGEN, *arguments], cwd=cwd, input=data, capture_output=True, check=False)


def keygen_verify(folder: Path, signer: sshsig.Signer, signature: str, data: bytes = MESSAGE) -> bool:
    (folder / "allowed").write_text(f"alice@company.com {signer.key.line}\n")
    (folder / "signature").write_text(signature)
    arguments = (
        "-Y",
        "verify",
        "-f",
        "allowed",
        "-I",
        "alice@company.com",
        "-n",
        "attest-governance",
        "-s",
        "signature",
    )
    return keygen(*arguments, data=data, cwd=folder).returncode == 0


def openssh(private: PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def write_key(folder: Path, private: PrivateKey, name: str = "key") -> Path:
    path = folder / name
    path.touch(0o600)
    path.write_bytes(openssh(private))
    return path


@needs_ssh
def test_ssh_keygen_accepts_our_signatures(tmp_path: Path, private: PrivateKey) -> None:
    signer = FileSigner(private)
    signature = sshsig.sign(MESSAGE, signer)
    assert keygen_verify(tmp_path, signer, signature)
    assert not keygen_verify(tmp_path, signer, signature, b"something else")


@needs_ssh
@pytest.mark.parametrize("hash_name", ["sha512", "sha256"])
def test_we_accept_ssh_keygens_signatures(tmp_path: Path, private: PrivateKey, hash_name: str) -> None:
    key = write_key(tmp_path, private)
    made = keygen("-Y", "sign", "-f", str(key), "-n", "attest-governance", "-O", f"hashalg={hash_name}", cwd=tmp_path)
    parsed = sshsig.parse(made.stdout.decode())
    assert sshsig.verify(MESSAGE, parsed) == FileSigner(private).key


def test_a_signature_is_good_for_its_message_alone(private: PrivateKey) -> None:
    parsed = sshsig.parse(sshsig.sign(MESSAGE, FileSigner(private)))
    assert sshsig.verify(MESSAGE, parsed)
    with pytest.raises(ValueError, match="does not match"):
        sshsig.verify(MESSAGE + b" ", parsed)


def test_a_signature_of_another_key_is_refused(private: PrivateKey) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
    parsed = sshsig.parse(sshsig.sign(MESSAGE, FileSigner(other)))
    forged = sshsig.Signature(FileSigner(private).key, parsed.hash, parsed.blob)
    with pytest.raises(ValueError, match=r"does not match|does not belong"):
        sshsig.verify(MESSAGE, forged)


@needs_ssh
def test_a_signature_for_a_commit_is_no_approval(tmp_path: Path) -> None:
    key = write_key(tmp_path, KEYS["ed25519"])
    made = keygen("-Y", "sign", "-f", str(key), "-n", "git", cwd=tmp_path)
    with pytest.raises(ValueError, match="made for `git`"):
        sshsig.parse(made.stdout.decode())


@pytest.mark.parametrize("name", ["ed25519", "nistp256"])
def test_every_changed_byte_is_noticed(name: str) -> None:
    armoured = sshsig.sign(MESSAGE, FileSigner(KEYS[name]))
    body = base64.b64decode("".join(armoured.split("\n")[1:-2]))
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        text = base64.b64encode(bytes(changed)).decode()
        lines = "\n".join(text[at : at + 70] for at in range(0, len(text), 70))
        with pytest.raises(ValueError, match=r".+"):
            sshsig.verify(
                MESSAGE, sshsig.parse(f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n")
            )


MALFORMED = {
    "nothing": "",
    "no armour": "U1NIU0lH",
    "text around it": "x\n" + sshsig.sign(MESSAGE, FileSigner(KEYS["ed25519"])),
    "no base64": "-----BEGIN SSH SIGNATURE-----\n=AAA\n-----END SSH SIGNATURE-----\n",
    "too short": "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sshsig.parse(text)


class SecurityKey:
    """A FIDO key in software: what a hardware key signs, with or without its owner's touch."""

    application = b"ssh:"

    def __init__(self, *, touched: bool = True, elliptic: bool = False) -> None:
        self._flags, self._elliptic = int(touched), elliptic
        if elliptic:
            blob = FileSigner(KEYS["nistp256"]).key.blob
            name, rest = b"sk-ecdsa-sha2-nistp256@openssh.com", blob[4 + len("ecdsa-sha2-nistp256") :]
        else:
            blob = FileSigner(KEYS["ed25519"]).key.blob
            name, rest = b"sk-ssh-ed25519@openssh.com", blob[4 + len("ssh-ed25519") :]
        self.key = keys.parse_blob(string(name) + rest + string(self.application))

    def sign(self, data: bytes) -> bytes:
        flags_and_counter = bytes([self._flags]) + (7).to_bytes(4, "big")
        application = hashlib.sha256(self.application).digest()
        signed = application + flags_and_counter + hashlib.sha256(data).digest()
        inner = FileSigner(KEYS["nistp256" if self._elliptic else "ed25519"]).sign(signed)
        name_length = 4 + int.from_bytes(inner[:4], "big")
        return string(self.key.algorithm.encode()) + inner[name_length:] + flags_and_counter


@needs_ssh
@pytest.mark.parametrize("elliptic", [False, True])
def test_hardware_keys_are_verified_as_ssh_keygen_does(tmp_path: Path, elliptic: bool) -> None:
    signer = SecurityKey(elliptic=elliptic)
    signature = sshsig.sign(MESSAGE, signer)
    assert sshsig.verify(MESSAGE, sshsig.parse(signature)) == signer.key
    assert keygen_verify(tmp_path, signer, signature)


def test_a_hardware_key_that_nobody_touched_is_refused() -> None:
    with pytest.raises(ValueError, match="touch"):
        sshsig.verify(MESSAGE, sshsig.parse(sshsig.sign(MESSAGE, SecurityKey(touched=False))))


WEAK = {
    "rsa of 2048 bits": lambda: FileSigner(rsa.generate_private_key(65537, 2048)),
    "rsa with exponent 3": lambda: keys.parse_blob(
        string(b"ssh-rsa") + string(b"\x03") + string(b"\x00" + b"\xff" * 384)
    ),
    "dsa": lambda: keys.parse_blob(string(b"ssh-dss") + string(b"\x01")),
    "a point of small order": lambda: keys.parse_blob(string(b"ssh-ed25519") + string(b"\x01" + b"\x00" * 31)),
    "a point of small order with its sign": lambda: keys.parse_blob(
        string(b"ssh-ed25519") + string(b"\x01" + b"\x00" * 30 + b"\x80")
    ),
    "the point that is zero": lambda: keys.parse_blob(string(b"ssh-ed25519") + string(bytes(32))),
    "a point that is not on the curve": lambda: keys.parse_blob(
        string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\x04" + b"\x01" * 64)
    ),
    "a certificate": lambda: keys.parse_blob(string(b"ssh-ed25519-cert-v01@openssh.com")),
    "more than a key": lambda: keys.parse_blob(FileSigner(KEYS["ed25519"]).key.blob + b"x"),
}


@pytest.mark.parametrize("make", WEAK.values(), ids=WEAK)
def test_weak_keys_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        make()  # type: ignore[operator]


def test_an_ed25519_key_in_pem_signs(tmp_path: Path) -> None:
    private = KEYS["ed25519"]
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    signer = load_signer(tmp_path / "key.pem", {})
    assert sshsig.verify(MESSAGE, sshsig.parse(sshsig.sign(MESSAGE, signer))) == FileSigner(private).key


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    if not shutil.which("ssh-agent"):
        pytest.skip("LOUD: ssh-agent is not installed")
    environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "a.sock")}
    process = subprocess.Popen(["ssh-agent", "-D", "-a", environment["SSH_AUTH_SOCK"]], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()  # printed when it listens
    yield environment
    process.terminate()
    process.wait()
    process.stdout.close()


def test_the_agent_signs_for_a_public_key_file(tmp_path: Path, agent: dict[str, str], private: PrivateKey) -> None:
    key = write_key(tmp_path, private)
    public = FileSigner(private).key
    (tmp_path / "public.pub").write_text(public.line + " somebody\n")
    with pytest.raises(UsageError, match="no SSH agent holds"):
        load_signer(tmp_path / "public.pub", agent)
    subprocess.run(["ssh-add", "-q", str(key)], env=agent, check=True, capture_output=True)
    found = find_agent(agent)
    assert found is not None
    assert found.identities() == [public]
    signature = sshsig.sign(MESSAGE, load_signer(tmp_path / "public.pub", agent))
    assert sshsig.verify(MESSAGE, sshsig.parse(signature)) == public


def test_a_public_key_file_with_its_private_half_beside_signs(tmp_path: Path) -> None:
    write_key(tmp_path, KEYS["ed25519"], "id_ed25519")
    (tmp_path / "id_ed25519.pub").write_text(FileSigner(KEYS["ed25519"]).key.line)
    assert load_signer(tmp_path / "id_ed25519.pub", {}).key == FileSigner(KEYS["ed25519"]).key


NO_KEYS = {
    "missing": (None, "can't be read"),
    "a public key without its other half": (
        b"ssh-ed25519 " + base64.b64encode(FileSigner(KEYS["ed25519"]).key.blob),
        "agent",
    ),
    "no key": (b"hello", "no private key"),
}


@pytest.mark.parametrize(("content", "message"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_signer(tmp_path / "key", {})


@needs_ssh
def test_an_encrypted_key_is_sent_to_the_agent(tmp_path: Path) -> None:
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", "key", cwd=tmp_path)
    with pytest.raises(UsageError, match=r"encrypted|no private key") as caught:
        load_signer(tmp_path / "key", {})
    assert "ssh-add" in caught.value.hint
