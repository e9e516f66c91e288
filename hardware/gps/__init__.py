"""The GPS module on a serial port: sentences, epochs, the reading thread, and its twin."""
