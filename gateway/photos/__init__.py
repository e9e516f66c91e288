"""The units' photos at the gateway: where they lie, who holds them, when they go."""
