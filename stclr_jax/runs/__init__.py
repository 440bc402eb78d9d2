"""The parts of any run: network, videos, loop, folder, provenance.

Configs are read here and above. No module here is a run of its own.
"""
