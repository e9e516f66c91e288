#!/bin/sh
# A gateway and a unit, from what is carried beside this file, without any network; a technician has better tools.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
kept=/var/lib/xunkong/gateway
gateway="/opt/xunkong/current/bin/xunkong gateway"

apt-get install --quiet --yes ./debs/*.deb >/dev/null
mkdir -p /opt/xunkong/slots
python3 -m venv /opt/xunkong/slots/a
/opt/xunkong/slots/a/bin/pip install --quiet --no-index --find-links wheels 'xunkong[device,gateway]'
ln -s slots/a /opt/xunkong/current
cp guard.py /opt/xunkong/

cp -r systemd/system systemd/*.conf.d /etc/systemd/
cp -r systemd/sysusers.d systemd/tmpfiles.d /etc/
cp platform.service /etc/systemd/system/
systemd-sysusers
chown -R xunkong-update: /opt/xunkong
systemd-tmpfiles --create

$gateway init new --host 127.0.0.1
mv new/keys/* $kept/keys/
mv new/store.db* $kept/store/
cp gateway.toml device.toml /etc/xunkong/
$gateway broker config --config /etc/xunkong/gateway.toml
systemd-tmpfiles --create
systemctl daemon-reload
systemctl restart mosquitto.service
systemctl enable --now --quiet "$@"

code=$($gateway ca code --config /etc/xunkong/gateway.toml --unit cp-01 --json)
code=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["code"])' <<END
$code
END
)
runuser -u xunkong-device -- /opt/xunkong/current/bin/xunkong device enrol \
    --config /etc/xunkong/device.toml --ca $kept/keys/ca.crt --code "$code"
$gateway config push --config /etc/xunkong/gateway.toml --unit cp-01 unit.toml
