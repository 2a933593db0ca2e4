"""A run from start to end: finds the missing work, computes it, and reports progress."""
