#!/bin/sh
# Run by first-boot-xunkong.service, again and again until it went well: unpacks the tools, and lets them work.
set -eu
card=/boot/firmware/xunkong
home=$PWD
if [ ! -e ready ]; then
    rm -rf bundle tools
    python3 -m zipfile -e "$card/bundle.zip" bundle
    python3 -m venv --without-pip tools
    pip=$(echo bundle/wheels/pip-*.whl)
    PIP_ROOT_USER_ACTION=ignore python3 "$pip/pip" --python tools/bin/python install --quiet \
        --no-index --no-deps --disable-pip-version-check bundle/wheels/*.whl bundle/tools/*.whl
    rm -rf bundle
    sync
    touch ready
fi
exec "$home/tools/bin/xunkong" provision first-boot "$card"
