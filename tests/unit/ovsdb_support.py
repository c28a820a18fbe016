"""The columns of a hypervisor's database, as its schema has them."""

from __future__ import annotations

from ryu_apps.southbound.ovsdb_replica import MAP, OPTION, SCALAR, SET

KINDS = {
    "Open_vSwitch": {"bridges": SET, "manager_options": SET, "external_ids": MAP,
                     "ovs_version": OPTION, "datapath_types": SET},
    "Bridge": {"name": SCALAR, "ports": SET, "datapath_id": OPTION, "datapath_type": SCALAR,
               "fail_mode": OPTION, "protocols": SET, "controller": SET, "flow_tables": MAP,
               "other_config": MAP},
    "Port": {"name": SCALAR, "interfaces": SET},
    "Interface": {"name": SCALAR, "type": SCALAR, "ofport": OPTION, "external_ids": MAP,
                  "link_state": OPTION, "admin_state": OPTION, "options": MAP, "bfd": MAP,
                  "bfd_status": MAP},
    "Controller": {"target": SCALAR, "max_backoff": OPTION, "inactivity_probe": OPTION,
                   "connection_mode": OPTION},
    "Manager": {"target": SCALAR, "max_backoff": OPTION, "inactivity_probe": OPTION},
    "Flow_Table": {"name": OPTION},
}
