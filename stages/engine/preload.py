"""What the server imports that training processes are forked from."""

from stages.process.door import uncollected
from stages.process.obedience import die_with_parent

die_with_parent()  # elsewhere it imports to the end before it looks whether anybody waits for it

with uncollected():
    import scipy.special  # noqa: F401, activations import it when they are asked for

    import stages.engine.worker  # noqa: F401
