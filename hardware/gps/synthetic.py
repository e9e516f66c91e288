"""NMEA of a patrol drive that nobody made, for tests and demonstrations. Pure: the same seed, the same drive.

A road grid around 27.24 N 111.47 E: straight legs, right-angled corners, stops. What it is not: a
model of a receiver; its error wanders by a metre or two and knows no trees and no walls.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from hardware.gps.meaning import KNOT_M_S
from hardware.gps.nmea import frame

START_LAT = 27.24
START_LON = 111.47
DEGREE_M = 111_320.0
"""Metres in a degree of latitude, and in one of longitude at the equator."""

CRUISE_M_S = (8.0, 16.0)
CORNER_M_S = 4.0
SPEED_UP_M_S2 = 1.5
SLOW_DOWN_M_S2 = 2.0
TURN_DEG_S = 22.5
"""A quarter turn takes four seconds, at a radius of about 10 m."""

LEG_M = (200.0, 900.0)
STOP_S = (20, 90)
STOP_EVERY = 0.35
"""Of the legs, the share that ends with a stop."""

REACH_M = 4000.0
"""Farther out than this the next corner leads back."""


class Car(msgspec.Struct):
    """Where the car is, in metres east and north of the start, and what it is about. Mutable."""

    east_m: float = 0.0
    north_m: float = 0.0
    course_deg: float = 90.0
    speed_m_s: float = 0.0
    cruise_m_s: float = 12.0
    left_m: float = 300.0
    turn_deg: float = 0.0
    wait_s: int = 5
    stops: bool = False


def drive(start_utc_ms: int, seconds: int, seed: int) -> Iterator[bytes]:
    """One epoch of RMC, GGA, GSA, VTG and GLL a second, talker GN, beginning with a standing car."""
    dice = random.Random(seed)
    car, error = Car(), (0.0, 0.0)
    for second in range(seconds):
        error = _wander(error[0], dice), _wander(error[1], dice)
        yield epoch(start_utc_ms + second * 1000, car, error)
        _step(car, dice)


def epoch(
    utc_ms: int,
    car: Car,
    error_m: tuple[float, float] = (0.0, 0.0),
    hdop: float = 0.92,
    sats: int = 9,
) -> bytes:
    """The sentences for a car, seen with an error in metres east and north by so many satellites."""
    now = datetime.fromtimestamp(utc_ms / 1000, UTC)
    clock = f"{now:%H%M%S}.{utc_ms // 10 % 100:02d}"
    place = _place(car.east_m + error_m[0], car.north_m + error_m[1])
    knots = f"{car.speed_m_s / KNOT_M_S:.3f}"
    course = f"{car.course_deg % 360:.2f}" if car.speed_m_s > 0.5 else ""
    bodies = (
        f"GNRMC,{clock},A,{place},{knots},{course},{now:%d%m%y},,,A",
        f"GNGGA,{clock},{place},1,{sats:02d},{hdop:.2f},231.4,M,-21.7,M,,",
        f"GNGSA,A,3,05,13,15,18,20,23,24,29,30,,,,1.68,{hdop:.2f},1.40",
        f"GNVTG,{course},T,,M,{knots},N,{car.speed_m_s * 3.6:.3f},K,A",
        f"GNGLL,{place},{clock},A,A",
    )
    return b"".join(frame(body) for body in bodies)


def _place(east_m: float, north_m: float) -> str:
    lat = START_LAT + north_m / DEGREE_M
    lon = START_LON + east_m / (DEGREE_M * math.cos(math.radians(START_LAT)))
    return f"{_minutes(lat, 2)},{'N' if lat >= 0 else 'S'},{_minutes(lon, 3)},{'E' if lon >= 0 else 'W'}"


def _minutes(degrees: float, digits: int) -> str:
    """`ddmm.mmmmm`, rounded before it is split, since there are no 60 minutes."""
    whole, rest = divmod(round(abs(degrees) * 60 * 100_000), 60 * 100_000)
    return f"{whole:0{digits}d}{rest // 100_000:02d}.{rest % 100_000:05d}"


def _wander(error_m: float, dice: random.Random) -> float:
    return error_m * 0.98 + dice.gauss(0, 0.2)


def _step(car: Car, dice: random.Random) -> None:
    """One second: wait, or turn, or go along the leg."""
    if car.wait_s:
        car.wait_s -= 1
        return
    if car.turn_deg:
        _turn(car)
    _roll(car)
    if car.left_m <= 0 and not (car.stops and car.speed_m_s):
        car.wait_s = dice.randint(*STOP_S) if car.stops else 0
        _corner(car, dice)


def _turn(car: Car) -> None:
    part = math.copysign(min(abs(car.turn_deg), TURN_DEG_S), car.turn_deg)
    car.course_deg = (car.course_deg + part) % 360
    car.turn_deg -= part


def _roll(car: Car) -> None:
    """Brakes in time for the end of the leg, and is slow in the corner."""
    end_m_s = 0.0 if car.stops else CORNER_M_S
    room_m = max(0.0, car.left_m)
    allowed = CORNER_M_S if car.turn_deg else math.sqrt(end_m_s**2 + 2 * SLOW_DOWN_M_S2 * room_m)
    wanted = min(car.cruise_m_s, allowed)
    car.speed_m_s += max(-SLOW_DOWN_M_S2, min(SPEED_UP_M_S2, wanted - car.speed_m_s))
    course = math.radians(car.course_deg)
    car.east_m += car.speed_m_s * math.sin(course)
    car.north_m += car.speed_m_s * math.cos(course)
    if not car.turn_deg:
        car.left_m -= car.speed_m_s


def _corner(car: Car, dice: random.Random) -> None:
    """Chooses the next leg; far out it leads back."""
    car.turn_deg = dice.choice((-90.0, 90.0))
    if math.hypot(car.east_m, car.north_m) > REACH_M and _leads_out(car):
        car.turn_deg = -car.turn_deg
    car.left_m = dice.uniform(*LEG_M)
    car.cruise_m_s = dice.uniform(*CRUISE_M_S)
    car.stops = dice.random() < STOP_EVERY


def _leads_out(car: Car) -> bool:
    course = math.radians(car.course_deg + car.turn_deg)
    return car.east_m * math.sin(course) + car.north_m * math.cos(course) > 0
