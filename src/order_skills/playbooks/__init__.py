"""Guides for support work: pure functions over orders and products."""
