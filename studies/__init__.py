"""Studies beside the main experiment, each with a pipeline of its own."""
