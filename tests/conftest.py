"""What holds for all tests: the terminal that they are run from changes nothing."""

from __future__ import annotations

import contextlib
import os

# vnctl folds its tables to COLUMNS (docs/operations.md).  Whoever runs the tests may have set it,
# and readline(3) sets it for all processes that are started after it was loaded, which os.environ
# does not show; pytest loads it.
with contextlib.suppress(ImportError):
    import readline  # noqa: F401
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
    os.unsetenv(name)
