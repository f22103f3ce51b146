"""Why a step does what it does, in words. The codes are the core's; only the wording is here."""

from reconciler.core.plan import Reason, ReasonCode

_SENTENCES = {
    ReasonCode.MISSING: "does not exist yet and is created from {first}",
    ReasonCode.DIFFERS: "differs from the manifest",
    ReasonCode.RESET_ASKED: "the manifest asks for a reset",
    ReasonCode.AS_WANTED: "is as the manifest wants it",
    ReasonCode.ALREADY_RESET: "has no customisation, as the manifest asks",
    ReasonCode.NOTHING_MANAGED: "the manifest names it and asks for nothing",
    ReasonCode.NOT_FOUND: "there is no such repository{all_perhaps}",
    ReasonCode.AMBIGUOUS: "several repositories have this name: {all}",
    ReasonCode.NAMED_TWICE: "the manifest names it already at {first}",
    ReasonCode.SOURCE_NOT_FOUND: "there is no single repository {first} to create it from{other_perhaps}",
    ReasonCode.UNREADABLE: "the live overlay was not understood: {first}",
    ReasonCode.PRUNED: "the manifest does not name it, and prune is on",
    ReasonCode.PROTECTED: "it is protected, and the manifest would take away {all}",
    ReasonCode.REVERTED: "goes back to what stood before run {first}",
    ReasonCode.UNBUILDABLE: "it would not build: {all}",
    ReasonCode.UNRESOLVED: "the manifest wants proof that it resolves, and there is none",
    ReasonCode.CONFLICTING: "what the manifest says of it in several places does not go together",
}


def sentence(reason: Reason) -> str:
    """The reason in words, without a full stop; it can hold names from outside, not yet made safe."""
    return _SENTENCES[reason.code].format(
        first=reason.names[0] if reason.names else "?",
        all=", ".join(reason.names),
        all_perhaps=_perhaps(reason.names),
        other_perhaps=_perhaps(reason.names[1:]),
    )


def _perhaps(names: tuple[str, ...]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""
