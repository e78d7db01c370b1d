"""Checks configured parameters against the JSON schema that each policy declares for them (§4).

A schema comes from whoever wrote the policy, so it is hostile: references are refused (one could
fetch from the network, or double the work with each line), and patterns run on an engine whose
time is linear in the text.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from attest_governance.load.decoding import label, suggestion
from attest_governance.load.settings import Key, Parameters, Settings, Source
from attest_governance.load.yaml_positions import shown
from attest_governance.model import Policy, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import jsonschema_rs

    from attest_governance.load.standing import Standings

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_OPEN_KEYWORDS = ("patternProperties", "allOf", "anyOf", "oneOf", "if", "unevaluatedProperties", "propertyNames")
_PATTERN_BYTES = 1_000_000
MAX_PROBLEMS = 20
"""Problems shown for one policy's parameters."""


def check_parameters(standings: Standings, policies: Sequence[Policy], *, complete: bool = True) -> tuple[Problem, ...]:
    """Checks what the configuration says of policies against the policies themselves.

    Args:
        standings: what holds for each policy.
        policies: the policies that were loaded, before any selection by name.
        complete: whether these are all that the configuration can speak of; False where folders
            were chosen by a flag, so that a policy which is absent is no mistake.

    Returns:
        The problems, each at the line and column of the parameter or the name.
    """
    settings, known = standings.settings, {policy.name: policy for policy in policies}
    everything = complete and settings.policy.opa_enabled and settings.policy.gatekeeper_enabled
    absent = [name for name in settings.policies if name not in known] if everything else []
    problems = [_absent(settings, name, known) for name in absent]
    for policy in policies:
        problems += _of_policy(standings, policy)
    return tuple(problems)


def _absent(settings: Settings, name: str, known: Mapping[str, Policy]) -> Problem:
    at = settings.source(("policies", name, "name"))
    hint = suggestion(name, sorted(known)) if known else ""
    return _problem(
        at,
        f"the configuration speaks of the policy `{shown(name)}`, which is not loaded",
        hint if hint.startswith("did you") else "`attest policy list` shows the policies",
        code="configuration_policy",
        policy=name,
    )


def _of_policy(standings: Standings, policy: Policy) -> Iterator[Problem]:
    settings, given = standings.settings, standings.of(policy)
    if not given.enabled:
        return
    if policy.engine == "gatekeeper":
        if given.parameters:
            yield _constraint(settings, policy, given.parameters)
        return
    if policy.shipped and not settings.for_policy(policy.name).parameters:
        return  # what its profiles say is ours, and tested
    schema = policy.parameters
    if schema is None or not (given.parameters or _lacking(schema, policy.defaults)):
        return
    check = _Check(settings, policy.name, schema)
    yield from check.problems({**policy.defaults, **given.parameters}, given.parameters)


def _lacking(schema: Parameters, defaults: Parameters) -> bool:
    required = schema.get("required", ())
    return isinstance(required, list) and any(name not in defaults for name in required)


def _constraint(settings: Settings, policy: Policy, parameters: Parameters) -> Problem:
    return _problem(
        _key_of(settings, policy.name, next(iter(parameters))),
        f"`{policy.name}` is a constraint, which holds its own parameters",
        f"set them in `spec.parameters` of the constraint in {policy.file}" if policy.file else "",
        policy=policy.name,
    )


class _Check:
    """The check of one policy's parameters."""

    def __init__(self, settings: Settings, name: str, schema: Parameters) -> None:
        self.settings = settings
        self.name = name
        self.schema = schema

    def problems(self, merged: Parameters, given: Parameters) -> Iterator[Problem]:
        """The problems of the parameters in force; `given` are those that the configuration sets."""
        if reference := _reference(self.schema):
            yield self._bad_schema(f"`{reference}` is not supported in the schema of parameters")
            return
        unknown = [name for name in given if self._closed() and name not in self.schema["properties"]]
        yield from map(self._unknown, unknown)
        known = {name: value for name, value in merged.items() if name not in unknown}
        try:
            errors = list(islice(_errors(self.schema, known), MAX_PROBLEMS))
        except ValueError as error:
            yield self._bad_schema(f"its schema of parameters is not valid: {_first_line(error)}")
            return
        yield from (self._error(error) for error in errors)

    def _closed(self) -> bool:
        """Whether names that the schema does not list are mistakes: unless it says otherwise, they are."""
        if not isinstance(self.schema.get("properties"), dict) or any(word in self.schema for word in _OPEN_KEYWORDS):
            return False
        return self.schema.get("additionalProperties", False) is False

    def _unknown(self, name: str) -> Problem:
        message = f"the policy `{self.name}` has no parameter `{shown(name)}`"
        hint = suggestion(name, list(self.schema["properties"]), noun="its parameters")
        return _problem(_key_of(self.settings, self.name, name), message, hint, policy=self.name)

    def _error(self, error: jsonschema_rs.ValidationError) -> Problem:
        path = tuple(error.instance_path)
        what = f"parameter `{label(path)}`" if path else "the parameters"
        message = f"{what} of `{self.name}` can't be accepted: {_first_line(error.message)}"
        hint = f"set it under `policies:`, in the entry with `name: {self.name}`" if not path else ""
        return _problem(_value_of(self.settings, self.name, path), message, hint, policy=self.name)

    def _bad_schema(self, message: str) -> Problem:
        return Problem(
            "error", "policy_schema", f"the policy `{self.name}` can't be configured: {message}", policy=self.name
        )


def _errors(schema: Parameters, parameters: Parameters) -> Iterable[jsonschema_rs.ValidationError]:
    import jsonschema_rs  # noqa: PLC0415 - only runs with parameters need it

    validator = jsonschema_rs.validator_for(
        schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES)
    )
    return validator.iter_errors(parameters)


def _refuse(uri: str) -> Any:  # noqa: ANN401 - the signature that the validator asks for
    raise ValueError(f"`{uri}` is not fetched")


def _reference(schema: object) -> str:
    """The first reference in a schema, at whatever depth."""
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if found := next((word for word in _REFERENCES if word in node), ""):
                return found
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return ""


def _value_of(settings: Settings, name: str, path: Key) -> Source:
    """Where a parameter's value is given, else what it is part of, else the policy's entry."""
    for base in (("policies", name, "parameters"), ("policy", "custom_policies", name, "parameters")):
        for length in range(len(path), -1, -1):
            if (found := settings.sources.get((*base, *path[:length]))) is not None:
                return found
    return settings.source(("policies", name))


def _key_of(settings: Settings, name: str, parameter: str) -> Source:
    at = _value_of(settings, name, (parameter,))
    return Source(at.kind, at.name, at.file, at.key_line, at.key_column)


def _problem(at: Source, message: str, hint: str, *, code: str = "configuration_parameter", policy: str) -> Problem:
    text = message if at.kind in {"file", "default"} else f"{at}: {message}"
    return Problem("error", code, text, file=at.file, line=at.line, column=at.column, hint=hint, policy=policy)


def _first_line(error: object) -> str:
    text = str(error).partition("\n")[0]
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004
