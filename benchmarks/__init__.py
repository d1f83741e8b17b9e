"""Our trainer beside the usual ways to do the same work, and beside the hardware's floor."""
