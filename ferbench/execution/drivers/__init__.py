"""One driver per stage: which of its entries are missing, and in which order they are computed."""
