"""Who signed a commit: its SSH signature, by one of the signers that are allowed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attest_governance.errors import AttestError
from attest_governance.govern.signing import sshsig
from attest_governance.govern.trust import Trust, parse_trust

NAMESPACE = "git"
_HEADERS = (b"gpgsig", b"gpgsig-sha256")


def signers_of(raw: bytes, allowed: Sequence[Sequence[str]], now: datetime) -> str:
    """Why a commit does not count as signed by one of each list of signers; empty where it does.

    Args:
        raw: the bytes of the commit.
        allowed: lists of lines as in `allowed_signers`.
        now: when the keys must hold.
    """
    if not allowed:
        return ""
    message, signature = _parts(raw)
    if not signature:
        return "the commit is not signed with an SSH key"
    try:
        key = sshsig.verify(message, sshsig.parse(signature, NAMESPACE))
        for lines in allowed:
            _trust(lines).person(key, now, NAMESPACE)
    except ValueError as error:
        return f"the signature of the commit does not count: {error}"
    except AttestError as error:
        return f"the allowed signers can't be read: {error.message}"
    return ""


def _trust(lines: Sequence[str]) -> Trust:
    return parse_trust("\n".join(lines), file="allowed_signers", uses=(NAMESPACE,))


def _parts(raw: bytes) -> tuple[bytes, str]:
    """What was signed, and the signature: the header `gpgsig` with its continued lines, which the rest goes without."""
    head, blank, body = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(b" ") and inside:
            signature.append(line[1:])
            continue
        name, _, value = line.partition(b" ")
        inside = name in _HEADERS
        if inside:
            signature.append(value)
        else:
            kept.append(line)
    text = b"\n".join(signature).decode("ascii", "replace")
    return b"\n".join(kept) + blank + body, f"{text}\n" if text.startswith("-----BEGIN SSH SIGNATURE-----") else ""
