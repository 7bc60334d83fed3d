"""Everything that moves money: rules and intents (pure), the ledger, and the desk around them."""
