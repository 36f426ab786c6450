"""What do the results say? Read from records alone, without torch."""
