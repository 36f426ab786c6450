"""How the recipe is found: a search space, and a search whose every trial is a memo."""
