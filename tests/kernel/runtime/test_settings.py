"""Settings: valid and complete, or every problem at once."""

from pathlib import Path

import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.runtime.settings import Settings, load_settings
from kernel.runtime.settings_docs import settings_markdown

ROOT = Path(__file__).parents[3]
GOOD = {
    "MAILWRIGHT_ENV": "production",
    "DATABASE_URL": "postgresql://app:hunter22@db.internal/mailwright",
    "REDIS_URL": "rediss://:hunter22@cache.internal/0",
    "MAILWRIGHT_SECRET": "b7d0f2a9c4e1836557aa90cd12ef4b6688f3",
    "MAILWRIGHT_BASE_URL": "https://mail.shop.test/",
}


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(InvalidConfig) as caught:
        load_settings(environ)
    return caught.value.problems


def test_nothing_set_is_a_complete_development_installation(tmp_path: Path) -> None:
    settings = load_settings({"MAILWRIGHT_DATA_DIR": str(tmp_path)})
    assert settings.embedded_postgres and settings.embedded_redis
    assert settings.base_url == "http://localhost:8000"
    assert settings.mandatory_plugins == ("compliance", "admin_ui")
    assert settings.tenants_dir.is_absolute()


def test_development_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    environ = {"MAILWRIGHT_DATA_DIR": str(tmp_path / "deep" / "er")}
    first, second = load_settings(environ), load_settings(environ)
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    assert (tmp_path / "deep" / "er" / "secret").stat().st_mode & 0o077 == 0


def test_production_with_everything_starts() -> None:
    settings = load_settings(GOOD)
    assert settings.log_format == "json"
    assert settings.base_url == "https://mail.shop.test"


def test_every_problem_is_named_at_once_with_its_fix() -> None:
    found = problems(
        {
            "MAILWRIGHT_ENV": "production",
            "MAILWRIGHT_PORT": "99999",
            "MAILWRIGHT_STAGE_DEADLINE": "soon",
            "MAILWRIGHT_LOG_LEVL": "debug",
            "DATABASE_URL": "mysql://somewhere",
        }
    )
    for part in (
        "MAILWRIGHT_PORT is not valid: set it to a whole number",
        "MAILWRIGHT_STAGE_DEADLINE is not valid",
        "did you mean MAILWRIGHT_LOG_LEVEL?",
        "DATABASE_URL is not valid",
        "REDIS_URL is missing",
        "MAILWRIGHT_SECRET is missing: make one with",
        "MAILWRIGHT_BASE_URL must begin with https://",
    ):
        assert any(part in problem for problem in found), part


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "secret",
        "dev",
        "change-me",
        "short",
        "change-me-change-me-change-me-change-me",
        "a" * 64,
        "development-only-0123456789-0123456789",
        "my-super-secret-value-that-is-long-enough",
    ],
)
def test_production_refuses_sample_secrets_and_does_not_repeat_them(secret: str) -> None:
    found = problems(GOOD | {"MAILWRIGHT_SECRET": secret})
    assert len(found) == 1 and found[0].startswith("MAILWRIGHT_SECRET is ")
    assert len(secret) < 12 or secret not in found[0]


def test_no_representation_shows_a_secret() -> None:
    settings = load_settings(GOOD)
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hunter22" not in shown
        assert GOOD["MAILWRIGHT_SECRET"] not in shown
        assert "db.internal" in shown


def test_a_data_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidConfig, match="MAILWRIGHT_DATA_DIR"):
        load_settings({"MAILWRIGHT_DATA_DIR": str(tmp_path / "file" / "under")})


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings({"MAILWRIGHT_DATA_DIR": str(tmp_path)})
    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]
    assert isinstance(settings, Settings)


def test_the_page_of_settings_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == settings_markdown(), "run `make docs`"


def test_old_secrets_are_a_list_without_the_current_one_and_are_not_shown() -> None:
    first, second = "1f" * 8 + "c7d0f2a9c4e18365", "e8" * 8 + "57aa90cd12ef4b66"
    listed = f" {first}, ,{GOOD['MAILWRIGHT_SECRET']},{second},{first} "
    settings = load_settings(GOOD | {"MAILWRIGHT_OLD_SECRETS": listed})
    assert settings.old_secrets == (first, second)
    assert first not in repr(settings) and second not in repr(settings)
    [problem] = problems(GOOD | {"MAILWRIGHT_OLD_SECRETS": f"{first},hunter22"})
    assert "number 2, is shorter" in problem and "hunter22" not in problem
