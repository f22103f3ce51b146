from reconciler.library import ApiError as ApiError
from reconciler.library import Change as Change
from reconciler.library import Client as Client
from reconciler.library import Diagnostic as Diagnostic
from reconciler.library import Live as Live
from reconciler.library import Manifest as Manifest
from reconciler.library import ManifestError as ManifestError
from reconciler.library import Plan as Plan
from reconciler.library import Step as Step
from reconciler.library import load_manifest as load_manifest
from reconciler.library import plan as plan

__version__: str
__all__ = [
    "ApiError",
    "Change",
    "Client",
    "Diagnostic",
    "Live",
    "Manifest",
    "ManifestError",
    "Plan",
    "Step",
    "__version__",
    "load_manifest",
    "plan",
]
