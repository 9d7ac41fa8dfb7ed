"""Fixtures, fakes and the conformance kit, shipped for plugin authors."""
