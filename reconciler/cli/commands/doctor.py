"""`reconciler doctor`: check API access, token and permissions, and report everything that would stop an apply."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.api.auth.provider import Credentials
from reconciler.api.auth.token import Token
from reconciler.api.client import ReadClient
from reconciler.api.errors import ApiError, TokenRejected
from reconciler.cli import flags, inputs, output, runs
from reconciler.cli import options as shared
from reconciler.cli.client import api_name, open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.doctor import (
    CheckResult,
    Checkup,
    CustomizationModel,
    Identity,
    Level,
    Subject,
    UsedSetting,
    check_capabilities,
    check_clock,
    check_expiry,
    check_features,
    check_identity,
    check_journal,
    check_model,
    customization_model,
    failed_check,
    missing_capabilities,
    skipped_check,
    unread_check,
)
from reconciler.core.state import Organization
from reconciler.journal import JournalError
from reconciler.journal.errors import NOT_FOUND
from reconciler.views import doctor
from reconciler.views.text import indented_json

_OF_TOKEN = (Subject.TOKEN, Subject.IDENTITY, Subject.EXPIRY)
_NO_ANSWER = "the API does not respond"
_NO_TOKEN = "no token that the API accepts"  # noqa: S105 - a sentence about one


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_manifest(parser)
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the findings; 8 when the token would stop an apply, 1 when anything else would."""
    output.targets(options)
    with open_reader(options, ctx) as client:
        found = _Examination(client, options, ctx).run()
    output.show(
        {
            "text": lambda style, _: doctor.render(found, style=style),
            "json": lambda *_: indented_json(doctor.document(found)),
        },
        options,
        ctx,
    )
    if not found.stopping:
        return ExitCode.DONE
    return ExitCode.TOKEN if any(one.subject in _OF_TOKEN for one in found.stopping) else ExitCode.ERROR


class _Examination:
    """The checks of one run, one after another; each knows what those before it have found."""

    def __init__(self, client: ReadClient, options: Options, ctx: Context) -> None:
        self._client = client
        self._options = options
        self._ctx = ctx
        self._name = api_name(options)
        self._answers = False
        self._skew: float | None = None
        self._token: Token | None = None
        self._rejected = False
        self._identity: Identity | None = None
        self._organization: Organization | None = None
        self._missing: tuple[str, ...] = ()
        self._model: CustomizationModel | None = None
        self._features: Mapping[str, bool] = {}

    def run(self) -> Checkup:
        """Make every check."""
        findings = tuple(self._findings())
        return Checkup(
            api=self._name,
            now=self._now(),
            findings=findings,
            source=self._token.source if self._token else None,
            expires=self._expires(),
            skew=self._skew,
            identity=self._identity,
            organization=self._organization,
            missing=self._missing,
            model=self._model,
            features=self._features,
            settings=tuple(
                UsedSetting(name, str(one.value) if isinstance(one.value, Path) else one.value, one.source)
                for name, one in inputs.used_settings(self._options, self._ctx).items()
            ),
        )

    def _findings(self) -> Iterator[CheckResult]:
        credentials = self._client.credentials
        assert credentials is not None
        # First, so that from here on every secret is known and hidden, whatever the API says.
        of_token = self._check_token(credentials)
        yield self._check_api()
        yield check_clock(self._skew) if self._answers else skipped_check(Subject.CLOCK, _NO_ANSWER)
        yield of_token
        yield self._check_identity()
        yield self._check_expiry(credentials)
        yield self._check_organization()
        yield from self._check_capabilities()
        yield from self._check_builds()
        yield from self._check_models()
        if self._options.journal is not None:
            yield self._check_journal()

    def _check_journal(self) -> CheckResult:
        try:
            journal = runs.needed_shared_journal(self._options, self._ctx)
            with journal.reading() as found:
                name = found.where
            holders = [lock.holder for lock in journal.locks()]
        except JournalError as error:
            level = Level.WARNING if error.diagnostic.code == NOT_FOUND else Level.ERROR  # an apply creates it
            return failed_check(Subject.JOURNAL, error.diagnostic, level)
        dead = any(one.is_dead(self._now()) for one in holders)
        return check_journal(name, [one.described() for one in holders], dead=dead)

    def _check_api(self) -> CheckResult:
        try:
            server_time = self._client.ping()
        except ApiError as error:
            return failed_check(Subject.API, error.diagnostic)
        self._answers = True
        self._skew = None if server_time is None else server_time - self._ctx.clock.now()
        return CheckResult(subject=Subject.API, level=Level.OK, summary=f"{self._name} responds")

    def _check_token(self, credentials: Credentials) -> CheckResult:
        try:
            self._token = credentials.token()
        except ApiError as error:
            return failed_check(Subject.TOKEN, error.diagnostic)
        return CheckResult(subject=Subject.TOKEN, level=Level.OK, summary=f"from {self._token.source}")

    def _check_identity(self) -> CheckResult:
        if self._obstacle:
            return skipped_check(Subject.IDENTITY, self._obstacle)
        try:
            self._identity = self._client.identity()
        except TokenRejected as error:
            self._rejected = True
            return failed_check(Subject.IDENTITY, error.diagnostic)
        except ApiError as error:
            return failed_check(Subject.IDENTITY, error.diagnostic)
        return check_identity(self._identity)

    def _check_expiry(self, credentials: Credentials) -> CheckResult:
        return check_expiry(self._expires(), self._now(), renewable=credentials.renewable, advice=credentials.advice)

    def _check_organization(self) -> CheckResult:
        try:
            name = inputs.read_organization(self._options, self._ctx)
        except CommandFailed as failed:
            return _unnamed(failed)
        if self._obstacle:
            return skipped_check(Subject.ORGANIZATION, self._obstacle)
        try:
            found = self._organization = self._client.find_organization(name)
        except ApiError as error:
            return failed_check(Subject.ORGANIZATION, error.diagnostic)
        return CheckResult(subject=Subject.ORGANIZATION, level=Level.OK, summary=f"{found.name} ({found.id})")

    def _check_capabilities(self) -> Iterator[CheckResult]:
        if self._organization is None:
            yield skipped_check(Subject.CAPABILITIES, self._obstacle or "organization unknown")
        elif self._identity is None:
            yield skipped_check(Subject.CAPABILITIES, "identity unknown")
        else:
            self._missing = missing_capabilities(self._identity, self._organization)
            yield from check_capabilities(self._identity, self._organization)

    def _check_builds(self) -> Iterator[CheckResult]:
        """Yield a finding for the build reports and the queue, if one cannot be read."""
        organization = self._organization
        if organization is None:
            return
        reads: dict[str, Callable[[], object]] = {
            "build reports": lambda: self._client.sample_builds(organization, since=self._client.server_now()),
            "the queue": lambda: self._client.sync_states(organization),
        }
        for what, read in reads.items():
            try:
                read()
            except ApiError as error:
                yield unread_check(what, error.diagnostic)

    def _check_models(self) -> Iterator[CheckResult]:
        """Yield the model of Custom Assembly in use and the features that answer; nothing if that cannot be read."""
        organization = self._organization
        if organization is None:
            return
        try:
            live = replace(self._client.read_live(organization), bindings=self._client.read_bindings(organization))
            self._features = self._client.features(organization)
        except ApiError as error:
            yield skipped_check(Subject.MODEL, error.diagnostic.summary)
            return
        self._model = customization_model(live)
        yield check_model(live)
        yield check_features(self._features)

    @property
    def _obstacle(self) -> str:
        """Return why the API cannot be asked anything; "" where it can."""
        if not self._answers:
            return _NO_ANSWER
        return _NO_TOKEN if self._token is None or self._rejected else ""

    def _expires(self) -> float | None:
        identity_expires = self._identity.expires if self._identity else None
        return self._token.expires if self._token and self._token.expires is not None else identity_expires

    def _now(self) -> float:
        """Return the time by the API's clock where it is known: that one decides whether a token still holds."""
        return self._ctx.clock.now() + (self._skew or 0.0)


def _unnamed(failed: CommandFailed) -> CheckResult:
    first = failed.problems[0]
    if first.code != "no-organization":
        return failed_check(Subject.ORGANIZATION, first)
    return CheckResult(subject=Subject.ORGANIZATION, level=Level.WARNING, summary=first.summary, hint=first.hint)
