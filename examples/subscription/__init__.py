"""Pick the best plan and activate a subscription for a team of 12 people."""
