"""How deep a network can be trained, for each variance of its initial weights."""
