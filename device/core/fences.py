"""Metres on the globe, as a geofence needs them: good for some ten kilometres, also across the 180th meridian.

Near the poles (beyond 89.4 degrees) it is not meant to work.
"""

from math import cos, radians

EARTH_M_PER_DEG = 111_320.0


def offset_m(lat: float, lon: float, to_lat: float, to_lon: float) -> tuple[float, float]:
    """Metres east and north from one position to another, on a plane."""
    north_m = (to_lat - lat) * EARTH_M_PER_DEG
    east_deg = (to_lon - lon + 180) % 360 - 180
    return east_deg * EARTH_M_PER_DEG * shrink(lat), north_m


def moved(lat: float, lon: float, east_m: float, north_m: float) -> tuple[float, float]:
    """The position so many metres east and north; the longitude stays within 180 degrees."""
    east_deg = east_m / (EARTH_M_PER_DEG * shrink(lat))
    return lat + north_m / EARTH_M_PER_DEG, (lon + east_deg + 180) % 360 - 180


def shrink(lat: float) -> float:
    """How much shorter a degree of longitude is at `lat` than at the equator; never quite nothing."""
    return max(0.01, cos(radians(lat)))
