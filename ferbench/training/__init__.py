"""How a network or an estimator is trained on the items of a fold."""
