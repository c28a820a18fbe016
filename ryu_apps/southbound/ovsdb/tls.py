"""TLS of the listeners for hypervisors."""

from __future__ import annotations

import ssl

from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings


def tls_files(settings: OvsdbSettings) -> TlsFiles:
    """For ``pssl`` listeners.  Raises ValueError where an option is missing, and OSError that names
    the files where they can't be used."""
    for name in ("private_key", "certificate", "ca_cert"):
        if not getattr(settings, name):
            raise ValueError(f"ovsdb listen pssl: needs the option {name}")
    return TlsFiles("[ovsdb]", lambda: _context(settings), settings.certificate,
                    [settings.private_key, settings.ca_cert])


def _context(settings: OvsdbSettings) -> ssl.SSLContext:
    assert settings.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(settings.certificate, settings.private_key)
        context.load_verify_locations(settings.ca_cert)
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot use {settings.certificate}, {settings.private_key} and "
            f"{settings.ca_cert} for pssl: {error.strerror or error}",
        ) from error
    return context
