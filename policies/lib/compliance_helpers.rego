# Names that policies in the package `attest.compliance` may use, those of other people included. No violations here.
package attest.compliance

import data.attest.lib

is_production_namespace if lib.is_production_namespace

has_audit_logging_enabled if lib.has_audit_logging_enabled

processes_personal_data if lib.processes_personal_data

has_data_protection_annotations if count(lib.missing_data_protection_annotations) == 0
