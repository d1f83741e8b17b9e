"""The stages of the pipeline: one module per DVC stage, and the rooms they call.

Python reads this file before the door that it runs, so it is the first place to look at Python, and
any version of Python has to understand it.
"""

import sys

ACTIVATE = "`source .venv/bin/activate` first; `make repro` makes it"

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Python 3.11 or newer is needed, not " + sys.version.split()[0] + ": " + ACTIVATE)

if sys.argv[:1] == ["-m"]:  # so it reads while Python looks for the door
    # What `signal` is made of; that itself takes milliseconds to import.
    import _signal  # type: ignore[import-not-found]

    # No door can say a line yet: until then Ctrl-C ends without one, instead of a traceback.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
