"""Controllers: what watches a cluster and acts."""
