"""Studies beside the main experiment, each with its own pipeline."""
