"""Piccolo app of kernel.tenancy."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="tenancy",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
