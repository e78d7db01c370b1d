"""The description of the server's addresses, in OpenAPI 3.1. What commands print has schemas of its own."""

from __future__ import annotations

from typing import Any

from attest_governance import __version__
from attest_governance.server.review import API_VERSION, KIND

JSON = "application/json"


def description() -> dict[str, Any]:
    """The document at `/openapi.json`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "attest serve", "version": __version__},
        "paths": {
            "/v1/admit": {"post": _admit()},
            "/v1/check": {"post": _check()},
            "/v1/data/{path}": {"get": _data(), "post": {**_data(), "requestBody": _asked()}},
            "/livez": {"get": _told("Whether the process works.", "Status")},
            "/readyz": {"get": _told("Whether requests should come here, and why not.", "Readiness", 503)},
            "/metrics": {"get": {"summary": "What Prometheus reads.", "responses": {"200": _text("text/plain")}}},
            "/openapi.json": {"get": _told("This document.", "Any")},
        },
        "components": {"schemas": _schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _admit() -> dict[str, Any]:
    return {
        "summary": "Answers an AdmissionReview of an API server.",
        "parameters": [_parameter("timeout", "The caller's time, such as `10s`.")],
        "requestBody": {"required": True, "content": _content("AdmissionReview")},
        "responses": {"200": _json("AdmissionReview"), **_refusals(400, 408, 413, 415)},
    }


def _check() -> dict[str, Any]:
    manifests = {"schema": {"type": "string"}}
    kinds = {"application/yaml": manifests, "text/yaml": manifests, JSON: {"schema": {"type": "object"}}}
    return {
        "summary": "Judges manifests: the document of `attest policy check --format json`.",
        "security": [{"token": []}],
        "parameters": [_parameter("namespace", "Of resources whose manifest names none.")],
        "requestBody": {"required": True, "content": kinds},
        "responses": {"200": _json("Check"), **_refusals(400, 401, 403, 408, 413, 415, 429, 500, 503)},
    }


def _data() -> dict[str, Any]:
    path = {"name": "path", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "summary": "OPA's Data API, for listed packages: what rules come to, which is no verdict.",
        "security": [{"token": []}],
        "parameters": [path, _parameter("input", "The input document (JSON), of a GET.")],
        "responses": {"200": _json("Data"), **_refusals(400, 401, 403, 404, 408, 413, 415, 429, 500, 503)},
    }


def _asked() -> dict[str, Any]:
    return {"content": {JSON: {"schema": {"type": "object", "properties": {"input": {}}}}}}


def _told(summary: str, schema: str, *others: int) -> dict[str, Any]:
    answers = {str(status): _json(schema) for status in (200, *others)}
    return {"summary": summary, "responses": answers}


def _parameter(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}


def _refusals(*statuses: int) -> dict[str, Any]:
    return {str(status): _json("Error") for status in statuses}


def _json(schema: str) -> dict[str, Any]:
    return {"description": schema, "content": _content(schema)}


def _text(kind: str) -> dict[str, Any]:
    return {"description": "Text", "content": {kind: {"schema": {"type": "string"}}}}


def _content(schema: str) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    texts = {"type": "object", "additionalProperties": text}
    return {
        "Any": {"type": "object"},
        "AdmissionReview": _object(
            ("apiVersion", "kind"), apiVersion={"const": API_VERSION}, kind={"const": KIND}, request={}, response={}
        ),
        "Check": _object(("schema", "verdict", "findings"), verdict={"enum": ["allow", "deny", "error"]}),
        "Data": _object(("decision_id",), decision_id=text, result={}),
        "Error": _object(("code", "message", "hint"), code=text, message=text, hint=text),
        "Readiness": _object(("status", "reasons", "notes"), status=text, reasons=texts, notes=texts),
        "Status": _object(("status",), status=text),
    }


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:  # noqa: ANN401 (a JSON schema)
    return {"type": "object", "required": list(required), "properties": properties}
