# Names that policies in the package `attest.deployment` may use, those of other people included. No violations here.
package attest.deployment

import data.attest.lib

# Does the evidence prove a receipt for the image of every container of the workload?
has_attest_receipt if {
	count(lib.containers) > 0
	count(lib.containers_without_receipt) == 0
}

is_production_namespace if lib.is_production_namespace
