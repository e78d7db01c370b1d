"""Which keys are trusted, since when and until when: stores and bundles. Never what comes with a proof."""
