"""What else a user could pick: two servers that forward the same calls to the same store."""
