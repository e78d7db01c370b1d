"""Signing: with a key file (OpenSSH or PEM), or with the key that an SSH agent holds."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attest_governance.errors import UsageError
from attest_governance.govern.signing import keys
from attest_governance.govern.signing.wire import Reader, mpint, string

if TYPE_CHECKING:
    from attest_governance.govern.signing.sshsig import Signer

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_TIMEOUT = 60  # seconds; a hardware key waits for its owner's touch
_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_RSA_SHA2_512 = 4
_CURVE_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


class FileSigner:
    """Signs with a private key in memory."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        line = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.key = keys.parse_line(*line.decode().split(" ")[:2])

    def sign(self, data: bytes) -> bytes:
        """See `sshsig.Signer`."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return string(self.key.algorithm.encode()) + string(self._private.sign(data))
        if isinstance(self._private, rsa.RSAPrivateKey):
            return string(b"rsa-sha2-512") + string(self._private.sign(data, padding.PKCS1v15(), hashes.SHA512()))
        algorithm = ec.ECDSA(_CURVE_HASHES[self._private.key_size])
        numbers = decode_dss_signature(self._private.sign(data, algorithm))
        return string(self.key.algorithm.encode()) + string(b"".join(map(mpint, numbers)))


class AgentSigner:
    """Signs with one of the keys that an SSH agent holds."""

    def __init__(self, agent: Agent, key: keys.PublicKey) -> None:
        self._agent, self.key = agent, key

    def sign(self, data: bytes) -> bytes:
        """See `sshsig.Signer`."""
        return self._agent.sign(self.key, data)


class Agent:
    """The SSH agent behind a socket (draft-miller-ssh-agent)."""

    def __init__(self, path: str) -> None:
        self._path = path

    def identities(self) -> list[keys.PublicKey]:
        """The keys that the agent holds, without those that are too weak or not supported."""
        reader = self._ask(bytes([_REQUEST_IDENTITIES]), _IDENTITIES_ANSWER)
        found = []
        for _ in range(reader.uint32()):
            blob, _comment = reader.string(), reader.string()
            try:
                found.append(keys.parse_blob(blob))
            except ValueError:
                continue
        return found

    def sign(self, key: keys.PublicKey, data: bytes) -> bytes:
        """Asks the agent for a signature with `key`; the owner may have to confirm it."""
        flags = _RSA_SHA2_512 if key.algorithm == "ssh-rsa" else 0
        request = bytes([_SIGN_REQUEST]) + string(key.blob) + string(data) + flags.to_bytes(4, "big")
        return self._ask(request, _SIGN_RESPONSE).string()

    def _ask(self, request: bytes, expected: int) -> Reader:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT)
                connection.connect(self._path)
                connection.sendall(string(request))
                answer = Reader(_receive(connection))
        except (OSError, ValueError) as error:
            raise UsageError(f"the SSH agent does not answer: {error}", hint="is SSH_AUTH_SOCK right?") from error
        if answer.byte() != expected:
            raise UsageError("the SSH agent refused to sign", hint="`ssh-add -l` lists the keys that it holds")
        return answer


def _receive(connection: socket.socket) -> bytes:
    length = int.from_bytes(_exactly(connection, 4), "big")
    if length > 1 << 18:
        raise ValueError("its answer is too long")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ValueError("its answer ends too early")
        data += part
    return data


def load_signer(path: Path, environment: Mapping[str, str] = os.environ) -> Signer:
    """Makes a signer from a key file: a private key (OpenSSH's format, or PEM), or a `.pub` file.

    The private half of a `.pub` file is held by the SSH agent that `SSH_AUTH_SOCK` names, or lies beside it.

    Raises:
        UsageError: the file is no such key, is encrypted, or the agent does not hold the key.
        ValueError: the key is too weak or of an unsupported kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the key can't be read: {error.strerror}", file=str(path)) from error
    if data.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return _of_public_file(path, keys.parse_line(*data.decode().split()[:2]), environment)
    return FileSigner(_load_private(data, path))


def _of_public_file(path: Path, key: keys.PublicKey, environment: Mapping[str, str]) -> Signer:
    """The agent's key, or else the private key beside a `.pub` file, as ssh-keygen takes it."""
    private = path.with_suffix("")
    agent = find_agent(environment)
    if (agent is None or key not in agent.identities()) and path.suffix == ".pub" and private.is_file():
        return FileSigner(_load_private(private.read_bytes(), private))
    return agent_signer(key, environment)


def agent_signer(key: keys.PublicKey, environment: Mapping[str, str] = os.environ) -> Signer:
    """Makes a signer for a key that the SSH agent must hold.

    Raises:
        UsageError: there is no agent, or it does not hold the key.
    """
    agent = find_agent(environment)
    if agent is None or key not in agent.identities():
        raise UsageError(f"no SSH agent holds the key {key.fingerprint}", hint="add it with `ssh-add`")
    return AgentSigner(agent, key)


def find_agent(environment: Mapping[str, str] = os.environ) -> Agent | None:
    """The agent that `SSH_AUTH_SOCK` names, if it is set."""
    path = environment.get("SSH_AUTH_SOCK")
    return Agent(path) if path else None


def _load_private(data: bytes, path: Path) -> PrivateKey:
    loader = serialization.load_ssh_private_key if b"OPENSSH" in data[:64] else serialization.load_pem_private_key
    try:
        private = loader(data, None)
    except TypeError as error:
        raise UsageError("the key is encrypted", file=str(path), hint="add it to your agent with `ssh-add`") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("the file is no private key", file=str(path)) from error
    if not isinstance(private, PrivateKey):
        raise UsageError("keys of this kind are not supported", file=str(path), hint="use ed25519, ecdsa or rsa")
    return private
