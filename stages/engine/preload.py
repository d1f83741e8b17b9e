"""What the server imports that training processes are forked from."""

from stages.process.door import uncollected

with uncollected():
    import scipy.sparse.linalg  # the curvature imports it when it is asked for
    import scipy.special  # noqa: F401, and so do activations

    import stages.engine.worker  # noqa: F401
