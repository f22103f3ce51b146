"""Certificates trusted for connections: those of the operating system, and those named by the environment.

On macOS and Windows the system itself verifies certificates, through truststore: certificates installed by a company
work without configuration. Elsewhere the system's store is files, which OpenSSL reads once for the whole process, while
truststore would read them again for each connection.
"""

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

import certifi
import truststore

# Each adds to the system's certificates. Many companies set REQUESTS_CA_BUNDLE for programs in Python.
_FOLDERS = "SSL_CERT_DIR"
VARIABLES = ("SSL_CERT_FILE", _FOLDERS, "REQUESTS_CA_BUNDLE")

_PLATFORM = sys.platform
_JUDGED_BY_SYSTEM = ("darwin", "win32")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
# Certificate stores of Linux distributions, for interpreters built elsewhere.
_KNOWN_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
)


class CertificatesError(ValueError):
    """Certificates of the environment or the system cannot be read; `source` is the variable or the file."""

    def __init__(self, source: str, text: str) -> None:
        super().__init__(text)
        self.source = source


def make_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a TLS context that verifies certificate and name; raises `CertificatesError`.

    Not `ssl.create_default_context`: since Python 3.13 it requires extensions that companies' own certificates often
    lack.
    """
    context = _empty()
    # A named intermediate authority is trusted by itself, as in browsers and Go programs.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for named, variable in _named(environ).items():
        _add(context, variable, named)
    return context


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the paths that the environment names, with the variable of each. SSL_CERT_DIR may have several folders."""
    found: dict[str, str] = {}
    for variable in VARIABLES:
        value = environ.get(variable, "")
        for named in value.split(os.pathsep) if variable == _FOLDERS else [value]:
            if named:
                found.setdefault(named, variable)
    return found


def _empty() -> ssl.SSLContext:
    if _PLATFORM not in _JUDGED_BY_SYSTEM:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _add_system(context)
        return context
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _add_system(context: ssl.SSLContext) -> None:
    """Trust the system's files as OpenSSL does: its bundle, and its folder, which is read on demand."""
    found = ssl.get_default_verify_paths()
    hashed = _is_hashed(Path(found.openssl_capath))
    if hashed:
        context.load_verify_locations(capath=found.openssl_capath)
    files = (found.openssl_cafile,) if hashed else (found.openssl_cafile, *_KNOWN_FILES)
    file = next((file for file in files if Path(file).is_file()), None)
    if file is None and not hashed:
        # A minimal container has no store at all.
        file = certifi.where()
    if file is not None:
        try:
            context.load_verify_locations(cafile=file)
        except OSError as error:  # raised for a file without certificates
            problem = error.strerror or type(error).__name__
            raise CertificatesError(file, f"cannot read the system certificates in {file}: {problem}") from None


def _is_hashed(folder: Path) -> bool:
    try:
        return any(_HASHED.fullmatch(file.name) for file in folder.iterdir())
    except OSError:
        return False


def _add(context: ssl.SSLContext, variable: str, named: str) -> None:
    path = Path(named)
    try:
        if variable == _FOLDERS and not path.exists():
            return  # as in OpenSSL: such a list may name folders of other machines
        if not path.is_dir():
            if path.exists() and not path.is_file():
                raise CertificatesError(variable, f"{variable} is {named}, which is not a regular file")
            context.load_verify_locations(cafile=named)
        elif _PLATFORM not in _JUDGED_BY_SYSTEM and _is_hashed(path):
            context.load_verify_locations(capath=named)
        else:
            _add_each(context, path)
    except ssl.SSLError:
        raise CertificatesError(variable, f"{variable} is {named}, which contains no certificate") from None
    except OSError as error:
        raise CertificatesError(variable, f"{variable} is {named}: {error.strerror or type(error).__name__}") from None


def _add_each(context: ssl.SSLContext, folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        try:
            if file.is_file():
                context.load_verify_locations(cafile=file)
        except ssl.SSLError:
            continue  # the folder may hold other files as well
