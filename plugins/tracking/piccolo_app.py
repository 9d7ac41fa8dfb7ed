"""Piccolo app of plugins.tracking."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="tracking",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
