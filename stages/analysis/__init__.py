"""What the numbers mean: statistics over finished trials."""
