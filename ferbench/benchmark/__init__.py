"""The benchmark file: YAML to a grid of combinations."""
