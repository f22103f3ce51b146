"""The Chainguard API: the client, its errors, and the mapping between JSON and core values.

Everything that knows a field name, a path or a status code of the API lives here, and only this room imports httpx.
It plans nothing and prints nothing. Importing this package, `errors`, `token` or `address` does not import httpx.
"""
