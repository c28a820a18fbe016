"""What to do with a holder's files: options of node.conf, and commands for a hypervisor."""

from __future__ import annotations

from pathlib import Path

from ryu_apps.pki.roles import AUTHORITIES, HYPERVISORS, SITE
from ryu_apps.pki.site import Files


def usage(role: str, files: Files) -> str:
    """Lines for people; the files are where ``files`` says on the holder's host."""
    site = files.authorities
    return _TEXTS[role].format(
        cert=files.certificate, key=files.key, ca=site,
        hypervisors=Path(site).with_name(AUTHORITIES[HYPERVISORS]),
    )  # fmt: skip


def place(role: str, directory: Path) -> Files:
    """Where ``export`` puts the files of a holder that are to be in ``directory``."""
    return Files(directory / f"{role}.pem", directory / f"{role}.key",
                 directory / AUTHORITIES[SITE])


_TEXTS = {
    "node": """\
# node.conf
[DEFAULT]
ofp_ssl_listen_port = 6653
ctl_privkey = {key}
ctl_cert = {cert}
ca_certs = {hypervisors}

[ovsdb]
listen = pssl:6640:0.0.0.0
private_key = {key}
certificate = {cert}
ca_cert = {hypervisors}

[api]
cert_file = {cert}
key_file = {key}
client_ca_file = {ca}

[store]
endpoints = https://ETCD:2379
ca_file = {ca}
cert_file = {cert}
key_file = {key}""",
    "hypervisor": """\
# on the hypervisor
ovs-vsctl set-ssl {key} {cert} {ca}
ovs-vsctl set-manager ssl:NODE:6640 -- set Open_vSwitch . external_ids:vnc-encap-ip=VTEP""",
    "etcd": """\
# etcd
--cert-file={cert} --key-file={key} --trusted-ca-file={ca} --client-cert-auth
--peer-cert-file={cert} --peer-key-file={key} --peer-trusted-ca-file={ca} --peer-client-cert-auth
--listen-client-urls=https://ADDRESS:2379 --advertise-client-urls=https://ADDRESS:2379""",
    "client": """\
# for vnctl
export VNCTL_CA={ca} VNCTL_CERT={cert} VNCTL_KEY={key}
vnctl --url https://NODE:9696 status""",
}
