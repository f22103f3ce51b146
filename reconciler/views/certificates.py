"""Readable properties of certificates and keys. Only `values` loads this module, for a certificate to show."""

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from reconciler.views.values import PemDocument


def certificate_document(name: str, pem: bytes) -> PemDocument | None:
    """Return the subject, the issuer, the last day, the kind of key and the fingerprint; None when it is none."""
    try:
        with warnings.catch_warnings():
            # It warns of a serial number that is not positive, which some authorities have given their roots.
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificate(pem)
        return {
            "name": name,
            "subject": found.subject.rfc4514_string(),
            "issuer": found.issuer.rfc4514_string(),
            "not_after": f"{found.not_valid_after_utc:%Y-%m-%d}",
            "key": _key(found.public_key()),
            "sha256": found.fingerprint(hashes.SHA256()).hex(),
        }
    except (ValueError, UnsupportedAlgorithm):
        return None


def _key(key: object) -> str:
    """Return the kind and size of a public key, such as `RSA 2048`."""
    kind = type(key).__name__.lstrip("_").removesuffix("PublicKey")
    curve, size = getattr(key, "curve", None), getattr(key, "key_size", None)
    return f"EC {curve.name}" if curve is not None else f"{kind} {size}" if size else kind
