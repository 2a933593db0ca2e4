"""What a corpus holds: its clips, the folds of a protocol, decoded frames, rendered stand-ins."""
