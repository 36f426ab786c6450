"""Side-by-side measurements. Each compares two things in one process and prints a ratio, its machine and n."""
