"""Live state read whole, or not at all."""

from reconciler.core.state import Live
from reconciler.engine.ports import ReadApi


def refresh(api: ReadApi, organization: str) -> Live:
    """The live state of an organisation or folder; raises `ApiError` rather than answer with a part of it."""
    return api.read_live(api.find_organization(organization))
