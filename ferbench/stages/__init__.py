"""The stages between a corpus and a row, in this order: index, crops, features, fit; each stores its output under a key."""
