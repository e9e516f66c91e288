"""What mmcli printed: a Telit LE910C4 with an LTE network, shortened in its lists; and its like."""

LIST = b'{"modem-list":["/org/freedesktop/ModemManager1/Modem/0"]}'
NO_MODEM = b'{"modem-list":[]}'
CONNECTED = (
    b'{"modem":{"3gpp":{"enabled-locks":["fixed-dialing"],"imei":"353338976168895","operator-code":"26202",'
    b'"operator-name":"vodafone.de","packet-service-state":"attached","pco":"--","registration-state":'
    b'"roaming"},"cdma":{"activation-state":"--","esn":"--"},"dbus-path":"/org/freedesktop/ModemManager1/'
    b'Modem/0","generic":{"access-technologies":["lte"],"bearers":["/org/freedesktop/ModemManager1/Bearer/1"],'
    b'"current-modes":"allowed: 2g, 3g, 4g; preferred: 4g","device":"/sys/devices/platform/bus@0/3610000.usb/'
    b'usb1/1-2","manufacturer":"Telit","model":"LE910C4-WWXD","own-numbers":[],"power-state":"on",'
    b'"primary-port":"cdc-wdm0","signal-quality":{"recent":"yes","value":"75"},"sim":"/org/freedesktop/'
    b'ModemManager1/SIM/0","state":"connected","state-failed-reason":"--","unlock-required":"sim-pin2",'
    b'"unlock-retries":["sim-pin (3)","sim-puk (10)"]}}}'
)
SIGNAL = (
    b'{"modem":{"signal":{"5g":{"error-rate":"--","rsrp":"--","rsrq":"-14.00","snr":"--"},"cdma1x":{"ecio":"--",'
    b'"error-rate":"--","rssi":"-69.00"},"gsm":{"error-rate":"--","rssi":"-69.0"},"lte":{"error-rate":"--",'
    b'"rsrp":"-104.00","rsrq":"--","rssi":"--","snr":"2.00"},"refresh":{"rate":"10"},"umts":{"ecio":"--",'
    b'"rscp":"--","rssi":"--"}}}}'
)
BEARER = (
    b'{"bearer":{"dbus-path":"/org/freedesktop/ModemManager1/Bearer/1","ipv4-config":{"address":"10.0.0.2"},'
    b'"stats":{"attempts":"1","bytes-rx":"1048576","bytes-tx":"524288","duration":"3600","failed-attempts":"--",'
    b'"total-bytes-rx":"--","total-bytes-tx":"--"},"status":{"connected":"yes","interface":"wwan0"}}}'
)
LOCKED = (
    CONNECTED.replace(b'"connected"', b'"locked"', 1)
    .replace(b"sim-pin2", b"sim-pin", 1)
    .replace(b"vodafone.de", b"--")
    .replace(b'["lte"]', b"[]")
)
NO_SIM = CONNECTED.replace(b'"connected"', b'"failed"', 1).replace(
    b'"state-failed-reason":"--"', b'"state-failed-reason":"sim-missing"'
)
