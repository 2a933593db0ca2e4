"""Computes the entries of the store: crops, features, fits, fused fits, scores."""
