"""Metrics, statistics, leaderboards and figures."""
