"""What people read: metrics, leaderboards, figures."""
