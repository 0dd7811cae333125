"""Devices and models that are known. Numbers that no source gives say "derived" or "assumed"."""
