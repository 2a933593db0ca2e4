"""Stored results: each is on disk, under a key made of everything it depends on."""
