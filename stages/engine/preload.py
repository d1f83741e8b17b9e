"""What the server imports that training processes are forked from."""

from stages.process.door import uncollected

with uncollected():
    import stages.engine.worker  # noqa: F401
