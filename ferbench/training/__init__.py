"""Trains a network, or fits an estimator, on the items of a fold."""
