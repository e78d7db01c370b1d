# Names that policies in the package `attest.security` may use, those of other people included. No violations here.
package attest.security

import data.attest.lib

# All containers of a workload: normal, init and ephemeral.
get_containers contains container if some _, container in lib.containers

# Is the image pinned by digest, and does the evidence prove an attestation of that digest?
has_attest_attestation(image) if lib.is_attested(lib.image(image))
