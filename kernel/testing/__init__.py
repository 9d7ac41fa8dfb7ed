"""Fixtures, fakes and the conformance kit, for us and for plugin authors."""
