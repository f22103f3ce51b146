"""What carries requests: a transport of httpx for each thread, through the proxy and with the trust that it needs.

A transport that threads share pays for every connection that it holds with each request; and to make a TLS context may
mean reading every certificate that the system trusts, so that all threads have one. There is no `httpx.Client`, which
prepares each request for redirects, cookies and sign-in that are not wanted here, at the price of sending it again.
"""

import os
import ssl
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from wsgiref.types import WSGIApplication

import httpx

from reconciler.api import trust
from reconciler.api.address import Address


class Transports:
    """The transports of all threads to one address."""

    def __init__(self, address: Address, wsgi_app: WSGIApplication | None = None) -> None:
        self._address = address
        self._wsgi_app = wsgi_app
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._made: list[httpx.BaseTransport] = []
        self._context: ssl.SSLContext | None = None

    def mine(self) -> httpx.BaseTransport:
        """The transport of this thread.

        Raises `trust.UnusableError`, or `OSError`, `ValueError`, `ImportError` or `httpx.InvalidURL` where the proxy
        that the environment names cannot be used.
        """
        transport: httpx.BaseTransport | None = getattr(self._of_thread, "transport", None)
        if transport is None:
            transport = self._of_thread.transport = self._new()
            with self._lock:
                self._made.append(transport)
        return transport

    def close(self) -> None:
        """Close the connections of all threads; the object is of no use afterwards."""
        with self._lock:
            made, self._made = self._made, []
        for transport in made:
            transport.close()

    def _new(self) -> httpx.BaseTransport:
        if self._wsgi_app is not None:
            return httpx.WSGITransport(app=self._wsgi_app)
        return httpx.HTTPTransport(verify=self._tls(), trust_env=False, proxy=proxy(self._address))

    def _tls(self) -> ssl.SSLContext:
        plain = self._address.scheme == "http"
        if not (plain or trust.shared()):
            return trust.make_context(os.environ)
        with self._lock:
            if self._context is None:
                # Where no TLS is spoken, an empty context spares loading the certificates.
                self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else trust.make_context(os.environ)
            return self._context


def proxy(address: Address) -> str | None:
    """The proxy that the environment names for an address; this machine is reached without one."""
    # An exception may name the port as well; a number of IPv6 may stand in it with and without brackets.
    spellings = (address.host, urlsplit(address.root).netloc)
    if address.loopback or any(proxy_bypass(one) for one in spellings):
        return None
    named = getproxies()
    # Whoever excepts every host among others excepts every host.
    if "*" in (one.strip() for one in named.get("no", "").split(",")):
        return None
    found = named.get(address.scheme) or named.get("all")
    return found if not found or "://" in found else f"http://{found}"
