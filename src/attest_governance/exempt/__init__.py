"""The step `exempt`: which findings are waived, by which exemption, at which moment."""

from attest_governance.exempt.annotated import Annotations, RefusedAnnotation
from attest_governance.exempt.apply import Exempted, apply
from attest_governance.exempt.declared import declared
from attest_governance.exempt.exemption import Annotated, Approved, Declared, Exemption, Override, Scope
from attest_governance.exempt.notices import notices

__all__ = [
    "Annotated",
    "Annotations",
    "Approved",
    "Declared",
    "Exempted",
    "Exemption",
    "Override",
    "RefusedAnnotation",
    "Scope",
    "apply",
    "declared",
    "notices",
]
