"""Which key a person signs with: the one that is named, the one of their commits, or their agent's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.adapters import git
from attest_governance.errors import GovernanceError, UsageError
from attest_governance.govern.signing.keys import PublicKey, parse_line
from attest_governance.govern.signing.signers import AgentSigner, agent_signer, find_agent, load_signer

if TYPE_CHECKING:
    from attest_governance.govern.signing.sshsig import Signer
    from attest_governance.govern.trust import Trust

KEY_VARIABLE = "ATTEST_SIGNING_KEY"


def choose_signer(root: Path, trust: Trust, named: Path | None, person: str, environment: Mapping[str, str]) -> Signer:
    """Finds the key to sign with.

    The first of these that is set: the named file, `ATTEST_SIGNING_KEY`, the SSH key with which Git
    signs commits here, the one key in the SSH agent that is known to the project (and is `person`'s).

    Args:
        root: the project, for Git's configuration.
        trust: whose key is whose.
        named: the file of `--key`.
        person: who must sign; empty for whoever has the key.
        environment: the process's variables.

    Raises:
        UsageError: no key is found, or it can't be used.
        GovernanceError: the key is another person's than `person`.
    """
    try:
        signer = _find(root, trust, named, person, environment)
    except ValueError as error:
        raise UsageError(f"the key can't be used: {error}", file=str(named or "")) from error
    known = trust.known.get(signer.key.blob)
    if person and known is not None and known.person != person:
        raise GovernanceError(f"the key {signer.key.fingerprint} is that of `{known.person}`, not of `{person}`")
    return signer


def _find(root: Path, trust: Trust, named: Path | None, person: str, environment: Mapping[str, str]) -> Signer:
    if named is not None:
        return load_signer(named, environment)
    if environment.get(KEY_VARIABLE):
        return load_signer(Path(environment[KEY_VARIABLE]).expanduser(), environment)
    if of_git := git.signing_key(root):
        return _git_signer(of_git, environment)
    return _agent_signer(trust, person, environment)


def _git_signer(configured: str, environment: Mapping[str, str]) -> Signer:
    literal = configured.removeprefix("key::")
    if literal.startswith(("ssh-", "ecdsa-", "sk-")):
        return agent_signer(parse_line(*literal.split()[:2]), environment)
    return load_signer(Path(configured).expanduser(), environment)


def _agent_signer(trust: Trust, person: str, environment: Mapping[str, str]) -> Signer:
    agent = find_agent(environment)
    known = [key for key in (agent.identities() if agent else []) if _is(trust, key, person)]
    if agent is None or not known:
        hint = f"name it with `--key FILE` or {KEY_VARIABLE}, or add it to your agent with `ssh-add`"
        raise UsageError("there is no key to sign with", hint=hint)
    if len({trust.known[key.blob].person for key in known}) > 1:
        raise UsageError("your SSH agent holds keys of several people", hint="choose one with `--key FILE.pub`")
    return AgentSigner(agent, known[0])


def _is(trust: Trust, key: PublicKey, person: str) -> bool:
    known = trust.known.get(key.blob)
    return known is not None and key.blob not in trust.revoked and person in ("", known.person)
