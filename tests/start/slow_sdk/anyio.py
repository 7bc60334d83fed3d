"""Stands in front of the real anyio, and lets it be loaded when the test says so.

It is the first of the large modules that a server loads, so with it the rest waits.
"""

import os
import sys
import time

_HERE = os.path.dirname(os.path.abspath(__file__))
# A limit for a test that hangs; seconds.
_PATIENCE = 60


def _wait() -> None:
    gate = os.environ["GATE"]
    until = time.monotonic() + _PATIENCE
    while not os.path.exists(gate):
        if time.monotonic() > until:
            raise TimeoutError(gate)
        time.sleep(0.005)


_wait()
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
del sys.modules[__name__]
__import__(__name__)
