"""The unit's way to the gateway where it is no Ethernet cable: Wi-Fi, a cellular modem, or one for the other."""
