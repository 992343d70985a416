"""Read the data of one device and show its beginning: read_device.py [DEVICE [ID]]."""

import sys

import dsmil


def main() -> None:
    id = sys.argv[2] if len(sys.argv) > 2 else 0x8003
    with dsmil.open(sys.argv[1] if len(sys.argv) > 1 else None) as dev:
        data = dev.read(id)
    for offset in range(0, min(len(data), 64), 16):
        print(f"{offset:04x}  {data[offset : offset + 16].hex(' ')}")
    print(f"{len(data)} bytes")


main()
