"""The step `exempt`: which findings are waived, by which exemption, at which moment."""

from attest_governance.exempt.apply import Exempted, apply, notices
from attest_governance.exempt.declared import Annotations, RefusedAnnotation, declared
from attest_governance.exempt.exemption import Exemption, Scope
from attest_governance.exempt.standing import Exemptions
