"""What an answer to a question of resolution means, and when it is of no use to go on asking."""

from collections.abc import Mapping

import pytest

from reconciler.api.errors import ApiError, NotFound, PermissionDenied, RateLimited, Rejected, ServerFault, Unreachable
from reconciler.core.builds import PackageConfig
from reconciler.diagnostics import Diagnostic
from reconciler.engine.resolve import Answer, Conflicts, NotAnswered, Resolves, resolve_configs

PROBLEM = Diagnostic(code="x", summary="no")
CONFIGS = {PackageConfig(packages=(f"p{number}",)): "id" for number in range(50)}


class Api:
    """Answers every question alike, and counts them."""

    def __init__(self, answer: ApiError | tuple[str, ...]) -> None:
        self.asked = 0
        self._answer = answer

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        assert repository_id == "id"
        assert config
        self.asked += 1
        if isinstance(self._answer, ApiError):
            raise self._answer
        return self._answer


def rejected(status: int, code: int | None, message: str = "no") -> Rejected:
    error = Rejected(PROBLEM)
    error.status, error.code, error.message = status, code, message
    return error


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (("a=1-r0",), Resolves),
        (rejected(400, 3), Conflicts),
        (rejected(400, 9), Conflicts),
        (rejected(422, None), Conflicts),
        (rejected(400, None, ""), NotAnswered),
        (rejected(405, None), NotAnswered),
        (rejected(409, 10), NotAnswered),
        (rejected(400, 9, ""), NotAnswered),
        (NotFound(PROBLEM), NotAnswered),
        (PermissionDenied(PROBLEM, capability="x"), NotAnswered),
        (ServerFault(PROBLEM), NotAnswered),
    ],
)
def test_what_an_answer_means(answer: ApiError | tuple[str, ...], kind: type[Answer]) -> None:
    api = Api(answer)
    answers = resolve_configs(api, CONFIGS)
    assert {type(one) for one in answers.values()} == {kind}
    assert (answers.keys(), api.asked) == (CONFIGS.keys(), 50)


@pytest.mark.parametrize("error", [RateLimited(PROBLEM), Unreachable(PROBLEM)])
def test_an_api_that_cannot_be_asked_now_is_not_pressed(error: ApiError) -> None:
    api = Api(error)
    answers = resolve_configs(api, CONFIGS)
    assert api.asked <= 10
    told = [one for one in answers.values() if isinstance(one, NotAnswered)]
    assert len(told) == 50
    assert sum(one.asked for one in told) == api.asked


def test_no_question_is_not_an_answer() -> None:
    assert resolve_configs(Api(()), {}) == {}
