"""Piccolo app of plugins.affinity."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="affinity",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
)
"""Migrations; never edited once landed."""
