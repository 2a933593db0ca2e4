"""A run from start to end: which work is missing, who does it, and what it says meanwhile."""
