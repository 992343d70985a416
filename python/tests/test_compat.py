"""The names that tools in the field use: a script written like theirs, with one import changed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import dsmil
from dsmil.compat import QUARANTINED_DEVICES, ChunkedIOCTL, DeviceInfo

FIELDED = """
import sys
from dsmil.compat import ChunkedIOCTL, DeviceInfo, QUARANTINED_DEVICES   # the one import that was changed

def main():
    groups = {}
    with ChunkedIOCTL(device_path=sys.argv[1]) as ioctl:
        results = ioctl.test_standard_ioctls()
        if not results:
            return 1
        devices = ioctl.scan_devices_chunked()
        print(f"Found {len(devices)} devices")
        for device in devices:
            if device.token in QUARANTINED_DEVICES:
                print(f"  0x{device.token:04X} QUARANTINED: {QUARANTINED_DEVICES[device.token]}")
                continue
            groups.setdefault(device.group_id, []).append(device)
            line = (f"  0x{device.token:04X} active={device.active} level={device.access_level} "
                    f"index={device.device_index:2d} value=0x{device.last_value:08X} count={device.access_count} "
                    f"time={device.last_access_time} caps=0x{device.capabilities:08X} flags=0x{device.flags:08X}")
            if device.token < 0x8002:
                print(line)
        for group, members in sorted(groups.items()):
            print(f"Group {group}: {len(members)} devices")
        data = ioctl.read_device_chunked(0x8003)
        print(f"Read {len(data)} bytes")
        try:
            ioctl.read_device_chunked(0x8009)
        except PermissionError as error:
            print(f"Refused: {error}")
    return 0

if __name__ == "__main__":
    sys.exit(main())
"""


def test_a_script_of_the_field_runs_with_one_import_changed(
    served: dsmil.sim.Server, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSMIL_RUN_DIR", str(run_dir))
    script = tmp_path / "tool.py"
    script.write_text(FIELDED)
    arguments = [sys.executable, "-W", "error", str(script), str(served.device)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Found 108 devices"
    assert sum("QUARANTINED" in line for line in lines) == 5
    assert "Read 512 bytes" in lines
    assert lines[-1].startswith("Refused: read of 0x8009 is denied")
    assert [line for line in lines if line.startswith("Group")][6] == "Group 6: 12 devices"
    assert served.counters()["permanent"] == 0


@pytest.fixture
def ioctl(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ChunkedIOCTL:
    monkeypatch.setenv("DSMIL_RUN_DIR", str(run_dir))
    return ChunkedIOCTL(device_path="sim:seed=7")


def test_opening_and_closing_by_hand(ioctl: ChunkedIOCTL) -> None:
    ioctl.close()
    with pytest.raises(dsmil.ClosedError):
        ioctl.scan_devices_chunked()
    assert ioctl.open()
    assert ioctl.open()
    assert len(ioctl.scan_devices_chunked()) == 108
    ioctl.close()
    ioctl.close()
    with pytest.raises(dsmil.ClosedError):
        ioctl.read_device_chunked(0x8003)


def test_each_field_comes_from_where_its_documentation_says(ioctl: ChunkedIOCTL, run_dir: Path) -> None:
    with ioctl, dsmil.open("sim:seed=7", run_dir=run_dir) as device:
        infos = ioctl.scan_devices_chunked()
        for info, record in zip(infos, device.scan(), strict=True):
            assert (info.token, info.access_level) == (record.id, record.access)
            assert info.active == (record.state == dsmil.State.SAFE)
            assert (info.group_id, info.device_index) == (record.group, record.index)
            assert info.flags == record.is_quarantined
            assert (info.last_value, info.access_count, info.capabilities) == (0, 0, 0)
    names = [field.name for field in dataclasses.fields(DeviceInfo)]
    assert names == [
        *("token", "active", "access_level", "group_id", "device_index", "last_value"),
        *("access_count", "last_access_time", "capabilities", "flags"),
    ]


def test_the_quarantined_are_the_seven() -> None:
    assert dict(QUARANTINED_DEVICES) == dict(dsmil.PERMANENT)
    assert QUARANTINED_DEVICES[0x8019] == "network kill"


@pytest.mark.parametrize("token", [0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101])
def test_a_quarantined_token_is_refused_as_everywhere(ioctl: ChunkedIOCTL, token: int) -> None:
    with ioctl, pytest.raises(PermissionError) as caught:
        ioctl.read_device_chunked(token)
    assert isinstance(caught.value, dsmil.QuarantineError)


def test_the_standard_requests_are_told_by_name(ioctl: ChunkedIOCTL) -> None:
    with ioctl:
        works = ioctl.test_standard_ioctls()
    assert works["GET_VERSION"]
    assert not works["SCAN_DEVICES"]
    assert len(works) == 11
