"""What data: data sets, where they come from, how they are divided, and who answers for a label."""
