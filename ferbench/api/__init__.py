"""What a plugin may use: the components, what flows between them, and helpers to write them."""
