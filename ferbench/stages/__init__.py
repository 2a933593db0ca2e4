"""How each entry of the store is computed: crops, features, fits, fused fits, scores."""
