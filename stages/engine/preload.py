"""What the server imports that training processes are forked from."""

from stages.process.door import uncollected
from stages.process.obedience import die_with_parent

die_with_parent()  # elsewhere it imports to the end before it looks whether anybody waits for it

with uncollected():
    import scipy.sparse.linalg  # the curvature imports it when it is asked for
    import scipy.special  # noqa: F401, and so do activations

    import stages.engine.worker  # noqa: F401
