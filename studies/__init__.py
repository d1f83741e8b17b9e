"""Studies beside the main experiment, each with parameters and results of its own."""

import stages  # noqa: F401  # before a study's door: a first look at Python, and at Ctrl-C
