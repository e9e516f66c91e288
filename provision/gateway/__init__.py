"""The gateway's machine: broker, services, the site's authority, firewall, time."""
