"""Our system alone under the standard load: ``python -m bench.alone [--ports 100,1000] ...``.

The options are those of ``python -m bench.compare``.
"""

from __future__ import annotations

import sys

from bench import compare


def main() -> None:
    arguments = ["--systems", "ours", "--ports", "100,1000", *sys.argv[1:]]
    compare.main(arguments)


if __name__ == "__main__":
    main()
