"""Which components there are: plugins are found, checked and listed."""
