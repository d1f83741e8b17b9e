"""The pictures: each module draws one figure from finished numbers."""
