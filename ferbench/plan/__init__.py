"""What a benchmark needs, under which keys, what is shared, and what it will cost."""
