"""Records: what people asked, approved, rejected, revoked and extended, and what that is worth at a moment."""
