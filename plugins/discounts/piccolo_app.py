"""Piccolo app of plugins.discounts."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="discounts",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
