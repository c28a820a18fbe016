"""Which Open vSwitch a lab runs: the first one on the path.

Another one than the distribution's is tried by putting its ``sbin`` and ``bin`` in front of
``$PATH``; what belongs to its programs is found beside them.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path


def schema_path() -> Path:
    """The schema of ``Open_vSwitch`` databases that belongs to the ``ovsdb-server`` on the path.

    ``$OVS_PKGDATADIR``, which Open vSwitch's own programs read too (ovs-ctl(8)), comes first.
    Raises FileNotFoundError when there is none.
    """
    name = "vswitch.ovsschema"
    program = shutil.which("ovsdb-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    places = [Path(os.environ["OVS_PKGDATADIR"])] if "OVS_PKGDATADIR" in os.environ else []
    if program:
        places.append(Path(program).parent.parent / "share" / "openvswitch")
    for place in places:
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(
        f"no {name} in {' or '.join(map(str, places)) or 'any place'}: is Open vSwitch installed?"
    )


@functools.cache
def installed_version() -> str:
    """The version of the ``ovs-vswitchd`` on the path, as "3.1.0": what a distribution's start
    script writes into the database (ovs-ctl(8))."""
    shown = subprocess.run(
        ["ovs-vswitchd", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return shown.splitlines()[0].rpartition(" ")[2]
