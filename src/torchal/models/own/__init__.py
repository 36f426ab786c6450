"""Networks that strategies train for themselves."""
