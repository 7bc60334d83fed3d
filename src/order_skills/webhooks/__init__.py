"""Webhooks from stores: verified, kept once, and only ever a reason to read an order again."""
