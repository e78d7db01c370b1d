"""Examples of command lines, which the help of each command and its reference page show."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "attest policy check k8s/",
        "attest policy show attest-security",
        "attest help policy check",
    ),
    "policy": ("attest policy check k8s/", "attest policy init", "attest policy list"),
    "policy check": (
        "attest policy check k8s/",
        "helm template charts/shop | attest policy check -",
        "attest policy check k8s/ --profile strict --format sarif --output results.sarif",
    ),
    "policy scan": (
        "attest policy scan --output results.sarif",
        "attest policy scan --create-baseline .attest/baseline.json",
        "attest policy scan --baseline .attest/baseline.json --format text",
    ),
    "policy validate": ("attest policy validate policies/ k8s/", "attest policy validate .attest/policies.yaml"),
    "policy validate-bundle": (
        "attest policy validate-bundle bundle.tar.gz",
        "attest policy validate-bundle bundle.tar.gz --verification-key public.pem",
    ),
    "policy bundle": (
        "attest policy bundle build policies/ --output bundle.tar.gz",
        "attest policy bundle inspect bundle.tar.gz",
    ),
    "policy bundle build": ("attest policy bundle build policies/ --output bundle.tar.gz --revision 1.4.0",),
    "policy bundle sign": ("attest policy bundle sign bundle.tar.gz --signing-key private.pem",),
    "policy bundle verify": ("attest policy bundle verify bundle.tar.gz --verification-key public.pem",),
    "policy bundle inspect": ("attest policy bundle inspect bundle.tar.gz",),
    "policy bundle pull": ("attest policy bundle pull",),
    "policy list": ("attest policy list", "attest policy list --profile strict", "attest policy list --due"),
    "policy show": ("attest policy show attest-security", "attest policy show required-labels --policy-dir policies/"),
    "policy init": ("attest policy init", "attest policy init --dir shop/"),
    "policy generate-tests": (
        "attest policy generate-tests --policy policies/labels.rego --output policies/labels_test.rego",
    ),
    "policy conflicts": ("attest policy conflicts", "attest policy conflicts --policy-dir policies/ --detailed"),
    "policy test": (
        "attest policy test policies/",
        "attest policy test policies/ --coverage --threshold 80",
        "attest policy test attest-security --resource k8s/web.yaml",
    ),
    "policy test-all": ("attest policy test-all", "attest policy test-all --format junit --output tests.xml"),
    "policy trace": (
        "attest policy trace --policy policies/labels.rego --input k8s/web.yaml",
        "attest policy trace --policy attest-security --input k8s/web.yaml --explain fails",
    ),
    "policy playground": (
        "attest policy playground --policy policies/labels.rego --input k8s/web.yaml",
        "attest policy playground --policy policies/labels.rego --tests policies/labels_test.rego",
    ),
    "policy explain": (
        "attest policy check k8s/ --format json --output results.json",
        "attest policy explain results.json --index 1",
    ),
    "policy profile": (
        "attest policy profile policies/ --benchmark-data k8s/",
        "attest policy profile --benchmark-data k8s/ --output profile.html",
        "attest policy profile --benchmark-data k8s/ --compare profile.json --threshold 25",
    ),
    "policy optimize": (
        "attest policy optimize policies/labels.rego",
        "attest policy optimize policies/labels.rego --benchmark-data k8s/ --write",
    ),
    "policy evidence": ("attest policy evidence verify .attest/receipts/*.yaml --trust-store trust/",),
    "policy evidence verify": (
        "attest policy evidence verify receipt.yaml --trust-store trust/ --explain",
        "attest policy evidence verify provenance.json --key release.pub --image sha256:3f1c9a7b…",
    ),
    "policy evidence collect": ("attest policy evidence collect k8s/ --output evidence.json",),
    "policy evidence show": ("attest policy evidence show registry.example/shop/web@sha256:3f1c9a7b… k8s/",),
    "policy exempt": (
        'attest policy exempt --policy attest-security --resource Pod/shop/web --reason "not ours" --duration 30d',
        "attest policy exempt approve 3f2a",
    ),
    "policy exempt approve": (
        "attest policy exempt approve 3f2a",
        'attest policy exempt approve 3f2a --comment "seen"',
    ),
    "policy exempt reject": ('attest policy exempt reject 3f2a --comment "fix it instead"',),
    "policy exempt revoke": ('attest policy exempt revoke 3f2a --comment "not needed any more"',),
    "policy exempt extend": ('attest policy exempt extend 3f2a --duration 14d --reason "the fix is late"',),
    "policy exempt show": ("attest policy exempt show 3f2a",),
    "policy exemptions": ("attest policy exemptions list",),
    "policy exemptions list": ("attest policy exemptions list", "attest policy exemptions list --status pending"),
    "policy version": ("attest policy version", "attest policy version --format json"),
    "config": ("attest config show", "attest config get policy.profile"),
    "config get": ("attest config get policy.profile", "attest config get policy"),
    "config set": ("attest config set policy.profile strict",),
    "config show": ("attest config show", "attest config show --format json"),
    "gatekeeper": ("attest gatekeeper generate --output gatekeeper/", "attest gatekeeper status"),
    "gatekeeper generate": (
        "attest gatekeeper generate --output gatekeeper/",
        "attest gatekeeper generate required-labels --policy-dir policies/ --output gatekeeper/",
    ),
    "gatekeeper install": ("attest gatekeeper install --dry-run", "attest gatekeeper install --context staging"),
    "gatekeeper diff": ("attest gatekeeper diff --context staging",),
    "gatekeeper status": ("attest gatekeeper status", "attest gatekeeper status --format json --output audit.json"),
    "gatekeeper uninstall": ("attest gatekeeper uninstall --dry-run",),
    "governance": ("attest governance init --name alice@company.com", "attest governance status"),
    "governance init": ("attest governance init --name alice@company.com",),
    "governance migrate": ("attest governance migrate",),
    "governance propose": ('attest governance propose --reason "ask for limits"',),
    "governance approve": ("attest governance approve 3f2a",),
    "governance status": ("attest governance status",),
    "governance verify": ("attest governance verify --base origin/main --resources k8s/",),
    "governance emergency-override": (
        'attest governance emergency-override --policy gdpr --scope all --reason "outage 4711" --duration 2h',
        "attest governance emergency-override approve 3f2a",
    ),
    "governance emergency-override approve": ("attest governance emergency-override approve 3f2a",),
    "governance emergency-override end": ("attest governance emergency-override end 3f2a",),
    "governance emergency-override review": (
        'attest governance emergency-override review 3f2a --comment "nothing else was deployed"',
    ),
    "audit": ("attest audit log --since 30d", "attest audit verify"),
    "audit log": ("attest audit log --since 30d", "attest audit log --policy attest-security --format json"),
    "audit verify": ("attest audit verify", "attest audit verify --head head.json"),
    "audit seal": ("attest audit seal",),
    "audit export": ("attest audit export --format csv",),
    "serve": (
        "attest serve --no-tls",
        "attest serve --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key --decision-log decisions.jsonl",
    ),
    "version": ("attest version", "attest version --format json"),
}
"""By the words behind `attest`: one or two to copy, with the names that the guides use."""
