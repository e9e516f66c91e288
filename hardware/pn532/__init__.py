"""The PN532 card reader on a serial port: framing, driver, and its twin."""
