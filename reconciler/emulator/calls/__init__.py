"""The calls of the API, one module for each resource.

Here belongs what a call answers, as a function of its `Context`; paths and methods belong to `routes.py`, HTTP to
`app.py`.
"""
