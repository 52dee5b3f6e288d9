import pytest


@pytest.mark.parametrize("deployed", [False, True], ids=["new", "deployed"])
@pytest.mark.parametrize("name", ["demo", "dev", "prod", "closed", "open"])
def test_a_healthy_account_gives_no_alarm(preflight, name, deployed):
    result = preflight(name, deployed=deployed)

    assert result.of("fails") == []
    assert result.of("may fail") == []
    assert result.code == 0
    assert result.answer["not_answered"] == []
