"""The trainer of perceptrons: many networks side by side, each with the bits it has alone."""
