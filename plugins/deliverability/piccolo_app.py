"""Piccolo app of plugins.deliverability."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="deliverability",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
