"""Watch the temperature, a reading a second: watch_thermal.py [DEVICE [READINGS]]."""

import sys
import time

import dsmil


def main() -> None:
    readings = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with dsmil.open(sys.argv[1] if len(sys.argv) > 1 else None) as dev:
        for number in range(readings):
            if number:
                time.sleep(1)
            try:
                print(f"{dev.thermal()} °C", flush=True)
            except dsmil.RequestError as error:
                print(f"no reading: {error}", flush=True)


main()
