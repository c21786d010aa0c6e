"""What scripts/measure and scripts/bench do, one idea in each file."""
