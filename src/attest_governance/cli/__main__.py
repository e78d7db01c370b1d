"""`python -m attest_governance.cli`."""

from attest_governance.cli.main import main

main()
