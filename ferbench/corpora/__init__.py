"""Corpora: their clips, the folds of a protocol, decoded frames, rendered stand-ins."""
