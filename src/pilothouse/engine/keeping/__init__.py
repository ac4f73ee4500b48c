"""What keeps runs going: submission, leases and take-over, the sweeper, schedules, retention."""
