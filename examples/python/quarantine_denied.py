"""Ask for each of the seven quarantined devices and be refused: quarantine_denied.py [DEVICE]."""

import sys

import dsmil


def main() -> None:
    denied = 0
    with dsmil.open(sys.argv[1] if len(sys.argv) > 1 else None) as dev:
        for id in dsmil.PERMANENT:
            try:
                dev.read(id)
            except dsmil.QuarantineError as error:
                denied += 1
                print(f"0x{id:04X}: {error.reason} ({error.key})")
    print(f"{denied} of {len(dsmil.PERMANENT)} denied")
    if denied != len(dsmil.PERMANENT):
        sys.exit(1)


main()
