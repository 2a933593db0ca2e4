"""Stand-in corpora."""
