"""Scan all devices and show them, a group at a time: scan_devices.py [DEVICE]."""

import sys
from itertools import groupby

import dsmil


def main() -> None:
    with dsmil.open(sys.argv[1] if len(sys.argv) > 1 else None) as dev:
        scan = dev.scan()
    for group, records in groupby(scan, key=lambda record: record.group_name):
        print(f"{group}:")
        for record in records:
            heat = "no sensor" if record.thermal_celsius is None else f"{record.thermal_celsius} °C"
            print(f"  0x{record.id:04X}  {record.state.name.lower():<14}{heat}")
    quarantined = sum(record.is_quarantined for record in scan)
    print(f"{len(scan)} devices, {quarantined} of them quarantined by the driver")


main()
