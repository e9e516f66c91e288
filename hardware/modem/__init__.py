"""The cellular modem, as ModemManager's `mmcli` speaks of it."""
