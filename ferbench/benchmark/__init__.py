"""The benchmark file: turns YAML into a grid of combinations."""
