"""Sparse matrices and LAPACK, loaded when first used: a third of a second that no other command pays."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def _module(name: str) -> Any:
    return import_module(name)


def csr_matrix(*args: Any, **options: Any) -> Any:
    """`scipy.sparse.csr_matrix`."""
    return _module("scipy.sparse").csr_matrix(*args, **options)


def lapack() -> Any:
    """`scipy.linalg.lapack`."""
    return _module("scipy.linalg.lapack")
