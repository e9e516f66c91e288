"""The fault table: what users of other systems complain about, the test that holds each, and its remedy.

`takes_out`: the changes that take the remedy out, each a file, text that is there, and text in its place;
the test must then fail, and `tests/test_fault_table.py` shows that it does. Where one remedy backs
another, both are taken out.
"""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One complaint: the issues of a system (none where it was found in its source), and its test."""

    system: str
    numbers: tuple[int, ...]
    complaint: str
    file: str
    test: str
    takes_out: tuple[tuple[str, str, str], ...]


PN532 = "tests/hardware/pn532/test_lessons.py"
CAMERA_DRIVER = "tests/hardware/camera/test_driver.py"
CAMERA_STILL = "tests/hardware/camera/test_still.py"
PYNMEA2 = "tests/hardware/gps/test_pynmea2.py"
GPS = "tests/hardware/gps/test_lessons.py"
PARTS = "tests/device/test_parts.py"
PANEL = "tests/hardware/panel/test_panel.py"
GEOFENCE = "tests/device/core/test_geofence.py"
WHEREABOUTS_TEST = "tests/device/core/test_whereabouts.py"
PICTURE_TEST = "tests/device/core/test_picture.py"
EMERGENCY = "tests/device/core/test_emergency.py"

MEANING = "hardware/gps/meaning.py"
WHEREABOUTS = "device/core/whereabouts.py"
VISIT = "device/core/visit.py"

FITS = (WHEREABOUTS, "self._main and self._main.fits(sight):", "self._main:")
"""Every fix is believed."""

FAULTS = (
    Fault(
        "nfcpy",
        (45, 63, 188, 230),
        "after a crash the chip needs a power cycle, as the baud rate was raised",
        PN532,
        "test_nfcpy_45_63_188_230_a_crash_at_a_raised_baud_rate_needs_no_power_cycle",
        (
            (
                "hardware/pn532/driver.py",
                "if self._port.baudrate != BAUD:",
                "if False:",
            ),
        ),
    ),
    Fault(
        "nfcpy",
        (186,),
        "it hangs at close",
        PN532,
        "test_nfcpy_186_stop_does_not_hang_on_a_mute_chip",
        (
            (
                "hardware/pn532/driver.py",
                "while not late:",
                "while True:",
            ),
        ),
    ),
    Fault(
        "adafruit_circuitpython_pn532",
        (58,),
        "it hangs",
        PN532,
        "test_adafruit_circuitpython_pn532_58_half_an_answer_does_not_hang",
        (
            (
                "hardware/pn532/driver.py",
                "timeout=0.02, write_timeout=1",
                "timeout=None",
            ),
        ),
    ),
    Fault(
        "node_pn532",
        (9,),
        "polling stops",
        PN532,
        "test_node_pn532_9_polling_goes_on_after_lost_answers",
        (
            (
                "hardware/pn532/poller.py",
                "self._stop.wait(wait_s * random.uniform(0.7, 1.3))",
                "return",
            ),
        ),
    ),
    Fault(
        "picamera2",
        (962, 1090, 1264),
        "camera frontend has timed out, and stop() blocks for ever",
        CAMERA_DRIVER,
        "test_picamera2_962_1090_1264_a_hang_is_killed_told_and_gone_on_from",
        (
            (
                "hardware/camera/driver.py",
                "            self._process.kill()\n",
                "",
            ),
        ),
    ),
    Fault(
        "picamera2",
        (1125, 1130),
        "memory for the camera runs out on small boards",
        CAMERA_STILL,
        "test_picamera2_1125_and_1130_memory_one_configuration_and_no_mode_switch",
        (
            (
                "hardware/camera/still.py",
                "        request = self._request()\n",
                (
                    "        self._camera.configure(self._camera.configured[-1])\n"
                    "        request = self._request()\n"
                ),
            ),
        ),
    ),
    Fault(
        "picamera2",
        (),
        "a write error is swallowed: a truncated photo and no exception",
        CAMERA_STILL,
        "test_picamera2_swallows_a_write_error_a_truncated_photo_is_refused",
        (
            (
                "hardware/camera/still.py",
                "        measure(jpeg)\n",
                "        pass\n",
            ),
        ),
    ),
    Fault(
        "gpiozero",
        (1106,),
        "lgpio writes a pipe into the working directory",
        PARTS,
        "test_gpiozero_1106_lgpios_pipe_is_not_in_the_working_directory",
        (
            (
                "device/parts.py",
                '    os.environ.setdefault("LG_WD", tempfile.gettempdir())\n',
                "",
            ),
        ),
    ),
    Fault(
        "gpiozero",
        (1131,),
        "GPIO busy after a fork",
        PARTS,
        "test_gpiozero_1131_the_cameras_process_inherits_no_descriptor",
        (
            (
                "hardware/camera/process.py",
                "words, stdin=",
                "words, close_fds=False, stdin=",
            ),
        ),
    ),
    Fault(
        "gpiozero",
        (1131,),
        "GPIO busy after a fork",
        PARTS,
        "test_gpiozero_1131_nothing_of_the_unit_forks_without_exec",
        (
            (
                "hardware/camera/process.py",
                "words, stdin=",
                "words, preexec_fn=lambda: None, stdin=",
            ),
        ),
    ),
    Fault(
        "gpiozero",
        (1166,),
        "the chip's number on a Pi 5",
        PANEL,
        "test_gpiozero_1166_no_version_that_mistakes_the_pi_5s_chip_is_taken",
        (
            (
                "pyproject.toml",
                "gpiozero>=2.0.1.post3",
                "gpiozero>=2.0.1",
            ),
        ),
    ),
    Fault(
        "pynmea2",
        (162,),
        "is_valid is False on a good RMC with navigation status V",
        PYNMEA2,
        "test_pynmea2_162_a_good_rmc_with_navigation_status_v_is_a_fix",
        (
            (
                MEANING,
                "_by_status(_at(fields, 1), _at(fields, 11))",
                "_by_status(_at(fields, 1), _at(fields, 12))",
            ),
        ),
    ),
    Fault(
        "pynmea2",
        (162,),
        "an empty latitude reads as 0.0",
        PYNMEA2,
        "test_pynmea2_162_an_empty_latitude_is_no_equator",
        (
            (
                MEANING,
                "field[1] not in signs:\n        return None",
                "field[1] not in signs:\n        return 0.0",
            ),
        ),
    ),
    Fault(
        "pynmea2",
        (162,),
        ".datetime raises on a missing date",
        PYNMEA2,
        "test_pynmea2_162_a_missing_date_costs_the_time_and_raises_nothing",
        (
            (
                MEANING,
                "    match = _DATE.fullmatch(text)\n    if not match:\n        return None",
                (
                    "    match = _DATE.fullmatch(text)\n"
                    "    if not match:\n"
                    "        raise TypeError(text)"
                ),
            ),
        ),
    ),
    Fault(
        "pynmea2",
        (108,),
        "GSV's signal id lands in a wrong field",
        PYNMEA2,
        "test_pynmea2_108_gsv_with_a_signal_id_says_nothing_of_the_fix",
        (
            (
                MEANING,
                '    "GSA": _gsa,\n',
                (
                    '    "GSA": _gsa,\n'
                    '    "GSV": lambda talker, fields, draft: _counted(draft, fields[-1]),\n'
                ),
            ),
        ),
    ),
    Fault(
        "pynmea2",
        (108,),
        "a missing checksum is accepted unless check=True",
        PYNMEA2,
        "test_pynmea2_108_a_missing_or_wrong_checksum_is_refused",
        (
            (
                "hardware/gps/nmea.py",
                'return _refuse(buffer, end + 1, "no checksum" if mark in _LINE_ENDS else "binary")',
                "return end + 1, _parsed(bytes(buffer[:end]))",
            ),
        ),
    ),
    Fault(
        "traccar",
        (2189,),
        "geofences flap",
        GEOFENCE,
        "TestFlapping::test_traccar_2189_a_border_that_wobbles_is_one_arrival",
        (
            FITS,
            (
                VISIT,
                'if side != "out":',
                'if side == "in":',
            ),
        ),
    ),
    Fault(
        "traccar",
        (3609,),
        "people want dwell",
        GEOFENCE,
        "TestFlapping::test_traccar_3609_a_stay_counts_by_its_dwell",
        (
            (
                VISIT,
                "stayed_ms >= self.place.dwell_s * 1000 and",
                "stayed_ms >= 0 and",
            ),
        ),
    ),
    Fault(
        "traccar",
        (6019,),
        "geofences flap: a parked receiver wanders",
        GEOFENCE,
        "TestOutliers::test_traccar_6019_a_slow_wander_of_a_parked_receiver_crosses_no_border",
        (
            (
                WHEREABOUTS,
                "elif sight.t_ms - self.slow_ms >= SLOW_MS:",
                "elif False:",
            ),
        ),
    ),
    Fault(
        "tile38",
        (816,),
        "a stay is torn by a moment outside",
        GEOFENCE,
        "TestFlapping::test_tile38_816_out_for_a_moment_is_the_same_stay",
        (
            (
                VISIT,
                "here.t_ms - self._gone.t_ms < away_ms",
                "False",
            ),
        ),
    ),
    Fault(
        "tracelet",
        (268,),
        "hysteresis failed",
        GEOFENCE,
        "TestFlapping::test_tracelet_268_a_wobble_wider_than_any_hysteresis_crosses_nothing",
        (
            FITS,
            (
                WHEREABOUTS,
                "        share = worth * self._share(min(gap_ms, GAP_MS), sight)\n",
                "        share = 1.0\n",
            ),
            (
                WHEREABOUTS,
                "off_m - USUAL_M)",
                "0.0)",
            ),
        ),
    ),
    Fault(
        "tracelet",
        (274,),
        "one fix confirmed an entry",
        GEOFENCE,
        "TestOutliers::test_tracelet_274_one_fix_confirms_nothing_even_without_a_speed",
        (
            FITS,
            (
                WHEREABOUTS,
                "off_m - USUAL_M)",
                "0.0)",
            ),
        ),
    ),
    Fault(
        "tracelet",
        (295,),
        "gating on the reported accuracy failed: an outlier of 200 m claimed 1.9 m",
        GEOFENCE,
        "TestOutliers::test_tracelet_295_an_outlier_that_claims_good_accuracy_enters_nothing",
        (
            FITS,
            (
                WHEREABOUTS,
                "elif sight.t_ms - self.slow_ms >= SLOW_MS:",
                "elif False:",
            ),
        ),
    ),
    Fault(
        "libosmscout",
        (1790,),
        "movement is net displacement over seconds, not the path's length",
        WHEREABOUTS_TEST,
        "test_libosmscout_1790_the_length_of_a_wobble_is_no_movement",
        (
            (
                WHEREABOUTS,
                "self._start = self._start[0] + east_m, self._start[1] + north_m",
                "self._start = self._start[0] + abs(east_m), self._start[1] + abs(north_m)",
            ),
        ),
    ),
    Fault(
        "traccar",
        (3285,),
        "the standstill filter swallowed an SOS",
        EMERGENCY,
        "TestSosSounds::test_traccar_3285_no_filter_swallows_it_at_rest_or_in_a_repeat",
        (
            (
                "device/core/emergency.py",
                '        alarm = self._scribe.write(Alarm, now.up_ms, alarm="sos", what="SOS button")\n',
                (
                    "        if self._stands.sos:\n"
                    "            return []\n"
                    '        alarm = self._scribe.write(Alarm, now.up_ms, alarm="sos", what="SOS button")\n'
                ),
            ),
        ),
    ),
    Fault(
        "meshtastic",
        (3228,),
        "0,0 is sent when the fix is lost",
        GPS,
        "test_meshtastic_3228_a_lost_fix_is_no_fix_at_0_0",
        (
            (
                MEANING,
                "elif verdict == VALID and lat == 0 and lon == 0:",
                "elif False:",
            ),
        ),
    ),
    Fault(
        "meshtastic",
        (11748,),
        "a stale position for six hours",
        PICTURE_TEST,
        "test_meshtastic_11748_a_position_is_not_told_when_it_is_stale",
        (
            (
                "device/core/picture.py",
                "return fix if fix and up_ms - fix.up_ms <= FIX_FRESH_MS else None",
                "return fix",
            ),
        ),
    ),
    Fault(
        "traccar",
        (3121, 4451),
        "positions are offset on Chinese maps",
        PICTURE_TEST,
        "test_traccar_3121_4451_no_map_offset_is_added_to_what_the_receiver_said",
        (
            (
                "device/core/picture.py",
                "lat=round(fix.lat, 6)",
                "lat=round(fix.lat - 0.0032, 6)",
            ),
        ),
    ),
    Fault(
        "traccar",
        (3121, 4451),
        "positions are offset on Chinese maps",
        GPS,
        "test_traccar_3121_4451_a_place_in_china_is_the_receivers_wgs84_degrees",
        (
            (
                MEANING,
                "int(match[1]) + float",
                "0.0032 + int(match[1]) + float",
            ),
        ),
    ),
    Fault(
        "raspberrypi",
        (397,),
        "SD cards die of small writes",
        "tests/device/test_card_wear.py",
        "test_raspberrypi_397_positions_are_gathered_and_do_not_wear_the_card",
        (
            (
                "device/core/drive.py",
                "up_ms - self._unsynced_ms >= SYNC_MS",
                "up_ms >= self._unsynced_ms",
            ),
        ),
    ),
)
