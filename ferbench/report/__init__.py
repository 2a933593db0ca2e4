"""Metrics, leaderboards and figures."""
