"""Serves Keystone's WSGI application on loopback, by the interpreter of its own environment.

    python serve.py CONFIG PORT
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): a signal when the parent ends, so that nothing is left of a test that was killed."""


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    config, port = sys.argv[1], int(sys.argv[2])
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = os.path.dirname(config)
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = config
    del sys.argv[1:]  # Keystone reads them too.
    from cheroot.wsgi import Server
    from keystone.wsgi.api import application

    # Several threads would find the database locked at times: it is one of SQLite.
    Server(("127.0.0.1", port), application, numthreads=1).safe_start()


if __name__ == "__main__":
    main()
