"""Writes the golden outputs of stages whose version was raised: `make golden`."""

from golden.outputs import write

write()
