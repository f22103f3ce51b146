"""What to type to get a token. Which of it fits is decided by the source that failed."""

from reconciler.api.defaults import API_URL


def login(api: str) -> str:
    """How a person signs in with chainctl, for the API at this address."""
    return "`chainctl auth login`" if api == API_URL else f"`chainctl auth login --audience {api}`"


def export(api: str) -> str:
    """How a token is put into the environment."""
    return f"export CHAINGUARD_TOKEN=$(chainctl auth token --audience {api})"


def either(api: str) -> str:
    """Both ways, for somebody who has no token at all."""
    return f"sign in with {login(api)}, or give a token: {export(api)}"
