"""RFC 3161 timestamps: who says when a signature was there already."""
