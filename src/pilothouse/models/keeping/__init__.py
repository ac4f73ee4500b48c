"""What is kept of model calls: attempts, their bodies once each, what they took of their budgets."""
