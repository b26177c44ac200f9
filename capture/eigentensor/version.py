"""The version of the package, and of the library that belongs to it."""

VERSION = "1.0.0"  # ET_VERSION of runtime/eigentensor.h
