"""Piccolo app of plugins.sendgrid."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="sendgrid",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
