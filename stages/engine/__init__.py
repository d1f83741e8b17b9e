"""How trials are trained: the batched trainer, and the processes over which groups are spread."""
