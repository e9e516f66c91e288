"""The journal's format: which one this software writes, and up to which it reads.

The rule, by which a unit can go back to the version before: **a version writes only what the version before
it can read**. What an older reader passes over (a table, a setting, a kind of record) may be added at any
time, and changes no number; a field of a log's document may not, as it would be taken for damage. Whatever
else changes takes two releases: the first reads the new format and goes on writing the old one (`READS`
rises), a later one writes it (`WRITES` rises). A unit installs no release whose `WRITES`, which its manifest
tells, is above its own `READS`.
"""

WRITES = 1
"""Stands in the file's header (`PRAGMA user_version`); a file of an older format is brought up to it."""

READS = 1
"""A file above this is refused, and not touched."""
