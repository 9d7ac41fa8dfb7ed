"""Load, validate, dispatch, registry: the one way to plugins."""

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.plugboard.parts import Answer, Failure, Owned, Plugin

__all__ = ["Answer", "Failure", "Owned", "Plugboard", "Plugin", "build_plugboard"]
