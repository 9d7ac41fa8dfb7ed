"""Piccolo's configuration: the scoped engine, and the kernel's apps (plugins add theirs)."""

from __future__ import annotations

from piccolo.conf.apps import AppRegistry

from kernel.db.engine import DB

__all__ = ["APP_REGISTRY", "DB", "KERNEL_APPS"]

KERNEL_APPS = [
    "kernel.tenancy.piccolo_app",
    "kernel.profiles.piccolo_app",
    "kernel.events.piccolo_app",
    "kernel.jobs.piccolo_app",
    "kernel.pipeline.piccolo_app",
    "kernel.models.piccolo_app",
]

APP_REGISTRY = AppRegistry(apps=[])
