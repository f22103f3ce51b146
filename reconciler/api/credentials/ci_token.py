"""The OIDC token by which a CI system vouches for a job: from a file, or from GitHub Actions.

It is fetched anew for each exchange, as it lives for minutes only. What it is exchanged for is in `exchange`.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from reconciler.api.address import Address, parse_address
from reconciler.api.credentials.asking import Asker, Refused
from reconciler.api.credentials.line import Request
from reconciler.api.errors import BadAddress
from reconciler.api.token import sendable
from reconciler.api.wording import clean

FILE = "CHAINGUARD_OIDC_TOKEN_FILE"
GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - the name of a variable


def ci_token(environ: Mapping[str, str], issuer: Address, asker: Asker) -> str | Refused | None:
    """The job's OIDC token; None where nothing in the environment says how to get one.

    The file goes first: somebody named it for this program, while GitHub sets its variables for every job.
    """
    if file := environ.get(FILE, "").strip():
        return _from_file(Path(file), asker)
    url, bearer = (environ.get(name, "").strip() for name in (GITHUB_URL, GITHUB_TOKEN))
    if url and bearer:
        return _from_github(url, bearer, issuer, asker)
    return None


def _from_file(file: Path, asker: Asker) -> str | Refused:
    shown = clean(str(file))
    try:
        value = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        return Refused(why=f"{FILE} names {shown}, which cannot be read: {error.strerror}")
    except ValueError:
        return Refused(why=f"{FILE} names {shown}, which holds no token")
    asker.secrets.remember(value)
    return value if sendable(value) else Refused(why=f"{FILE} names {shown}, which holds no token")


def _from_github(url: str, bearer: str, issuer: Address, asker: Asker) -> str | Refused:
    asker.secrets.remember(bearer)
    try:
        place = parse_address(url.partition("?")[0].partition("#")[0])
    except BadAddress:
        return Refused(why=f"{GITHUB_URL} is not an address")
    if not place.private:
        return Refused(why=f"{GITHUB_URL} is not an https address: no token is sent there")
    if not sendable(bearer):
        return Refused(why=f"{GITHUB_TOKEN} is not a token")
    joint = "&" if "?" in url else "?"
    request = Request(place=place, url=f"{url}{joint}audience={quote(issuer.root, safe='')}", bearer=bearer)
    document = asker.ask(request)
    if isinstance(document, Refused):
        return Refused(why=f"GitHub gave no token for this job: {document.why}")
    return asker.secret(document, "value", request)
