"""Piccolo app of kernel.jobs."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="jobs",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
