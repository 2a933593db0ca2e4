"""One driver per stage: finds its missing entries and computes them in an efficient order."""
