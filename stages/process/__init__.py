"""How a stage lives as a process: its door, interrupts, streams, progress, whole files."""
