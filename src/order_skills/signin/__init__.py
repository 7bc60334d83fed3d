"""Sign-in: which token is whose, and what its holder may do."""
