"""The interface for plugins: components, the data that flows between them, and helpers."""
