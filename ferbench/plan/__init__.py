"""Plans the work of a benchmark: rows, models and fits, their keys, and the estimated cost."""
