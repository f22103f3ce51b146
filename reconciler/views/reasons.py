"""Reasons of steps in words."""

from reconciler.core.steps import Reason, ReasonCode

_SENTENCES = {
    ReasonCode.MISSING: "does not exist and is created from {first}",
    ReasonCode.DIFFERS: "differs from the manifest",
    ReasonCode.RESET_ASKED: "the manifest requests a reset",
    ReasonCode.AS_WANTED: "matches the manifest",
    ReasonCode.ALREADY_RESET: "already has no customization",
    ReasonCode.NOTHING_MANAGED: "the manifest manages none of its sections",
    ReasonCode.NOT_FOUND: "repository not found{all_perhaps}",
    ReasonCode.AMBIGUOUS: "the name is ambiguous: use one of {all}",
    ReasonCode.NAMED_TWICE: "already defined at {first}",
    ReasonCode.SOURCE_NOT_FOUND: "source repository {first} not found or ambiguous{other_perhaps}",
    ReasonCode.UNREADABLE: "cannot read the live overlay: {first}",
    ReasonCode.PRUNED: "not in the manifest, and prune is enabled",
    ReasonCode.PROTECTED: "protected, and the manifest would remove {all}",
    ReasonCode.INVALID: "the API would reject it",
    ReasonCode.REVERTED: "restored to its state before run {first}",
    ReasonCode.UNBUILDABLE: "would not build: {all}",
    ReasonCode.UNRESOLVED: "not confirmed to resolve, which the manifest requires (require_resolve)",
    ReasonCode.OWNED_BY_OTHER: "owned by {first}, whose run wrote it last",
    ReasonCode.HAS_BINDINGS: "uses Overlays and cannot have a standard customization: {all}",
    ReasonCode.HAS_CUSTOMIZATION: "has a standard customization, and overlays cannot be bound to it: {all}",
    ReasonCode.BOUND: "gets its content from overlays",
    ReasonCode.NOT_NAMED: "not in the manifest",
    ReasonCode.OVERLAY_NOT_FOUND: "overlay not found{all_perhaps}",
    ReasonCode.TAGS_NOT_FOUND: "no such tags: {all}",
    ReasonCode.CONFLICTING: "conflicting values in the manifest",
}


# Of overlays and bindings, where the words for a repository do not fit.
_OF_OVERLAYS = {
    ReasonCode.MISSING: "does not exist",
    ReasonCode.NOT_FOUND: "folder not found{all_perhaps}",
    ReasonCode.AMBIGUOUS: "several folders own an overlay of this name",
    ReasonCode.UNREADABLE: "cannot read what is live: {first}",
    ReasonCode.NOT_NAMED: "not in the manifest, which manages the bindings of its scope",
}


def overlay_reason_sentence(reason: Reason) -> str:
    """Return the reason of a step of an overlay or a binding in words."""
    return _worded(_OF_OVERLAYS.get(reason.code, _SENTENCES[reason.code]), reason)


def reason_sentence(reason: Reason) -> str:
    """Return the reason in words, without a period; it can contain untrusted names, not yet made safe."""
    return _worded(_SENTENCES[reason.code], reason)


def _worded(sentence: str, reason: Reason) -> str:
    return sentence.format(
        first=reason.names[0] if reason.names else "?",
        all=", ".join(reason.names),
        all_perhaps=_perhaps(reason.names),
        other_perhaps=_perhaps(reason.names[1:]),
    )


def _perhaps(names: tuple[str, ...]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""
