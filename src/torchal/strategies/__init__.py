"""What is queried: one file for each strategy, which is known by the name of its file."""
