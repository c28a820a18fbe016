"""Makes keys and certificates (X.509, RFC 5280).  No I/O; the clock is the caller's."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ryu_apps.pki.names import urn
from ryu_apps.pki.roles import Role

BACKDATED = datetime.timedelta(hours=1)
"""A certificate is valid from this long before it is made: clocks of others may be behind."""
MAX_NAME = 64
"""Characters of a common name (RFC 5280 appendix A.1, ub-common-name)."""


class CertificateError(ValueError):
    """What was asked for cannot be certified; the text says why."""


class Pair(NamedTuple):
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)


def make_authority(common_name: str, days: int, now: datetime.datetime) -> Pair:
    """A self-signed authority that signs no further authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(common_name)
    builder = _begin(name, name, key.public_key(), now, now + datetime.timedelta(days=days))
    usage = _key_usage(signs_certificates=True)
    builder = builder.add_extension(x509.BasicConstraints(True, 0), True).add_extension(usage, True)
    return _signed(builder, key, key)


def issue(
    authority: Pair, role: Role, name: str, addresses: Sequence[str], dns: Sequence[str],
    days: int, now: datetime.datetime,
) -> Pair:
    """A new key and its certificate, never valid for longer than ``authority``.

    Raises CertificateError for a name that a certificate cannot bear, or a bad address, and where
    the authority is no longer valid.
    """
    signer = authority.parsed
    if now >= signer.not_valid_after_utc:
        raise CertificateError(
            f"the authority has expired on {signer.not_valid_after_utc:%F}: rotate it"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + datetime.timedelta(days=days), signer.not_valid_after_utc)
    builder = _begin(_subject(name), signer.subject, key.public_key(), now, end)
    purposes = [
        purpose for wanted, purpose in (
            (role.server, ExtendedKeyUsageOID.SERVER_AUTH),
            (role.client, ExtendedKeyUsageOID.CLIENT_AUTH),
        ) if wanted
    ]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(False, None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage(purposes), False),
        (_alternative_names(role, name, addresses, dns), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return _signed(builder, key, serialization.load_pem_private_key(authority.key, None))


def belong_together(certificate: bytes, key: bytes) -> bool:
    """Whether this is the certificate's private key; False for what is neither."""
    try:
        public = x509.load_pem_x509_certificate(certificate).public_key()
        return serialization.load_pem_private_key(key, None).public_key() == public
    except (ValueError, TypeError):
        return False


def serial_of(certificate: bytes) -> str:
    """The serial number in hexadecimal.  Raises ValueError for what is no certificate."""
    return f"{x509.load_pem_x509_certificate(certificate).serial_number:x}"


def _subject(common_name: str) -> x509.Name:
    if not common_name or not common_name.isprintable() or len(common_name) > MAX_NAME:
        raise CertificateError(
            f"{common_name!r} cannot stand in a certificate: 1 to {MAX_NAME} printable characters"
        )
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(
    role: Role, name: str, addresses: Sequence[str], dns: Sequence[str]
) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(urn(role.name, name))]
    for text in addresses:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(text)))
        except ValueError:
            raise CertificateError(f"{text!r} is no address") from None
    for text in dns:
        try:
            if not text or len(text) > 253:
                raise ValueError
            found.append(x509.DNSName(text))
        except ValueError:
            raise CertificateError(f"{text!r} is no DNS name") from None
    return x509.SubjectAlternativeName(found)


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=signs_certificates, crl_sign=signs_certificates, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _begin(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey,
    now: datetime.datetime, end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        .public_key(public_key).serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED).not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer) -> Pair:
    encoding = serialization.Encoding.PEM
    return Pair(
        builder.sign(signer, hashes.SHA256()).public_bytes(encoding),
        key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
