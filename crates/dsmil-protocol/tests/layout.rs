//! Every size, offset and request code, compared with what a C compiler and the kernel's `_IOC` macros
//! make of `driver_abi.h`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use dsmil_protocol::{
    Access, CHUNK_BYTES, CHUNK_HEADER_BYTES, DEVICE_COUNT, DISCOVERY_BYTES, DeviceId, DeviceRecord, Progress, READ_PAYLOAD_BYTES,
    RECORD_BYTES, RECORDS_PER_CHUNK, ReadChunkHeader, ReadTransfer, RequestCode, STATUS_BYTES, ScanChunkHeader, ScanTransfer,
    State, SystemStatus, decode_discovery, encode_discovery,
};

/// What the C program printed.
#[derive(Default)]
struct Facts {
    sizes: BTreeMap<String, usize>,
    /// (struct, field) to (offset, bytes).
    fields: BTreeMap<(String, String), (usize, usize)>,
    /// Name to (number, code, bytes).
    codes: BTreeMap<String, (u8, u32, usize)>,
    images: BTreeMap<String, Vec<u8>>,
}

impl Facts {
    fn read(text: &str) -> Self {
        let mut facts = Self::default();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["size", what, bytes] => {
                    facts.sizes.insert(what.into(), bytes.parse().unwrap());
                }
                ["field", what, field, offset, bytes] => {
                    let place = (offset.parse().unwrap(), bytes.parse().unwrap());
                    facts.fields.insert((what.into(), field.into()), place);
                }
                ["code", name, number, code, bytes] => {
                    let request = (number.parse().unwrap(), code.parse().unwrap(), bytes.parse().unwrap());
                    facts.codes.insert(name.into(), request);
                }
                ["image", what, hex] => {
                    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                    facts.images.insert(what.into(), (0..hex.len()).step_by(2).map(byte).collect());
                }
                _ => panic!("layout.c printed {line:?}"),
            }
        }
        facts
    }

    /// The fields that C has for a struct: name to (offset, bytes).
    fn fields_of(&self, what: &str) -> BTreeMap<&str, (usize, usize)> {
        let ours = self.fields.iter().filter(|((of, _), _)| of == what);
        ours.map(|((_, field), place)| (field.as_str(), *place)).collect()
    }

    fn image<const N: usize>(&self, what: &str) -> [u8; N] {
        self.images[what].as_slice().try_into().unwrap()
    }
}

/// Compiles and runs `layout.c`, once.
fn c() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("layout");
        let compiled = Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(here.join("layout.c"))
            .output()
            .unwrap_or_else(|error| {
                panic!("this test compares the layouts with a C compiler's and can't run `cc` ({error}): install gcc or clang")
            });
        assert!(
            compiled.status.success(),
            "cc refused layout.c (are the kernel's headers, linux-libc-dev, installed?):\n{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        let ran = Command::new(&program).output().unwrap();
        assert!(ran.status.success());
        Facts::read(&String::from_utf8(ran.stdout).unwrap())
    })
}

/// Where two images of the same struct differ: (offset, bytes), which must be one run without a hole.
fn changed(before: &[u8], after: &[u8]) -> (usize, usize) {
    let at: Vec<_> = (0..before.len()).filter(|&i| before[i] != after[i]).collect();
    let first = *at.first().expect("the field changes no byte at all");
    assert_eq!(at, (first..first + at.len()).collect::<Vec<_>>(), "one field changes bytes in two places");
    (first, at.len())
}

/// A record of zeros.
fn zero() -> DeviceRecord {
    DeviceRecord {
        id: DeviceId::new(0),
        state: State::Unknown,
        access: Access::None,
        is_quarantined: false,
        last_response: Some(0),
        timestamp: 0,
        thermal_celsius: Some(0),
    }
}

/// The record that `fill_record` in layout.c makes.
fn marked(nth: u16) -> DeviceRecord {
    DeviceRecord {
        id: DeviceId::new(0x8030 + nth),
        state: State::Safe,
        access: Access::Other(0x11223344),
        is_quarantined: true,
        last_response: Some(0x55667788 + u32::from(nth)),
        timestamp: 0x0102030405060708 + u64::from(nth),
        thermal_celsius: Some(-40),
    }
}

#[test]
fn sizes_are_those_of_c() {
    let ours = [
        ("device_record", RECORD_BYTES),
        ("system_status", STATUS_BYTES),
        ("discovery_result", DISCOVERY_BYTES),
        ("scan_chunk_header", CHUNK_HEADER_BYTES),
        ("read_chunk_header", CHUNK_HEADER_BYTES),
        ("scan_chunk", CHUNK_BYTES),
        ("read_chunk", CHUNK_BYTES),
    ];
    assert_eq!(c().sizes, ours.map(|(what, bytes)| (what.to_owned(), bytes)).into());
    assert_eq!(size_of::<ScanChunkHeader>(), c().sizes["scan_chunk_header"]);
    assert_eq!(size_of::<ReadChunkHeader>(), c().sizes["read_chunk_header"]);
}

#[test]
fn request_codes_are_those_of_the_kernels_macros() {
    let ours = RequestCode::ALL.map(|r| (r.name().to_owned(), (r.number(), r.code(), r.size())));
    assert_eq!(c().codes, ours.into());
    for request in RequestCode::ALL {
        assert_eq!(RequestCode::from_code(request.code()), Some(request));
        // Another magic, number, direction or size is another request, or none.
        for bit in 0..32 {
            let other = request.code() ^ (1 << bit);
            let theirs = c().codes.values().any(|(_, code, _)| *code == other);
            assert_eq!(RequestCode::from_code(other).is_some(), theirs, "{other:#X}");
        }
    }
}

#[test]
fn record_fields_lie_where_c_has_them() {
    let place = |set: fn(&mut DeviceRecord)| {
        let mut record = zero();
        set(&mut record);
        let bytes = record.encode();
        assert_eq!(DeviceRecord::decode(&bytes).encode(), bytes);
        changed(&zero().encode(), &bytes)
    };
    let ours = BTreeMap::from([
        ("device_id", place(|r| r.id = DeviceId::new(u16::MAX))),
        ("state", place(|r| r.state = State::Other(u32::MAX))),
        ("access", place(|r| r.access = Access::Other(u32::MAX))),
        ("is_quarantined", place(|r| r.is_quarantined = true)),
        ("last_response", place(|r| r.last_response = Some(u32::MAX))),
        ("timestamp", place(|r| r.timestamp = u64::MAX)),
        ("thermal_celsius", place(|r| r.thermal_celsius = None)),
    ]);
    assert_eq!(c().fields_of("device_record"), ours);
    let image = c().image::<RECORD_BYTES>("device_record");
    assert_eq!(marked(0).encode(), image);
    assert_eq!(DeviceRecord::decode(&image), marked(0));
    let request = DeviceRecord::request(DeviceId::new(u16::MAX));
    assert_eq!(changed(&[0; RECORD_BYTES], &request), c().fields_of("device_record")["device_id"]);
}

#[test]
fn status_fields_lie_where_c_has_them() {
    let zero = SystemStatus::decode(&[0; STATUS_BYTES]);
    let place = |set: fn(&mut SystemStatus)| {
        let mut status = zero;
        set(&mut status);
        changed(&zero.encode(), &status.encode())
    };
    let ours = BTreeMap::from([
        ("kernel_module_loaded", place(|s| s.kernel_module_loaded = true)),
        ("thermal_safe", place(|s| s.thermal_safe = true)),
        ("current_temp_celsius", place(|s| s.current_temp_celsius = -1)),
        ("safe_device_count", place(|s| s.safe_device_count = u32::MAX)),
        ("quarantined_count", place(|s| s.quarantined_count = u32::MAX)),
        ("last_scan_timestamp", place(|s| s.last_scan_timestamp = u64::MAX)),
    ]);
    assert_eq!(c().fields_of("system_status"), ours);
    let status = SystemStatus {
        kernel_module_loaded: true,
        thermal_safe: false,
        current_temp_celsius: -7,
        safe_device_count: 103,
        quarantined_count: 5,
        last_scan_timestamp: 0x1112131415161718,
    };
    let image = c().image::<STATUS_BYTES>("system_status");
    assert_eq!(status.encode(), image);
    assert_eq!(SystemStatus::decode(&image), status);
}

#[test]
fn discovery_fields_lie_where_c_has_them() {
    let empty = encode_discovery(&[], 0);
    let fields = c().fields_of("discovery_result");
    let (devices, bytes) = fields["devices"];
    // The counts are less than 256: only their lowest byte shows.
    let start_of_count = |of: &DeviceRecord, without: &DeviceRecord| {
        let (with, without) = (encode_discovery(&[*of], 0), encode_discovery(&[*without], 0));
        changed(&without[..devices], &with[..devices]).0
    };
    let lowest = if cfg!(target_endian = "little") { 0 } else { 3 };
    assert_eq!(
        changed(&empty[..devices], &encode_discovery(&[zero()], 0)[..devices]).0,
        fields["total_devices_found"].0 + lowest
    );
    let of = |state| DeviceRecord { state, ..zero() };
    assert_eq!(start_of_count(&of(State::Safe), &zero()), fields["safe_devices_found"].0 + lowest);
    assert_eq!(start_of_count(&of(State::Quarantined), &zero()), fields["quarantined_devices_found"].0 + lowest);
    assert_eq!(changed(&empty, &encode_discovery(&[], u64::MAX)), fields["last_scan_timestamp"]);
    assert_eq!(bytes, DEVICE_COUNT * RECORD_BYTES);
    for nth in 0..DEVICE_COUNT {
        let mut records = vec![zero(); nth + 1];
        let before = encode_discovery(&records, 0);
        records[nth].timestamp = u64::MAX;
        let timestamp = c().fields_of("device_record")["timestamp"];
        let (at, length) = changed(&before, &encode_discovery(&records, 0));
        assert_eq!((at, length), (devices + nth * RECORD_BYTES + timestamp.0, timestamp.1));
    }
    let image = c().image::<DISCOVERY_BYTES>("discovery_result");
    let records = [marked(0), marked(1), marked(2)];
    assert_eq!(encode_discovery(&records, 0x2122232425262728), image);
    assert_eq!(decode_discovery(&image).unwrap().records, records);
}

#[test]
fn scan_chunk_fields_lie_where_c_has_them() {
    let zero = *ScanChunkHeader::of(&[0; CHUNK_BYTES]);
    let place = |set: fn(&mut ScanChunkHeader)| {
        let mut header = zero;
        set(&mut header);
        changed(&[0; CHUNK_BYTES], &header.with_body(&[]))
    };
    let ours = BTreeMap::from([
        ("chunk_index", place(|h| h.chunk_index = u32::MAX.into())),
        ("total_chunks", place(|h| h.total_chunks = u32::MAX.into())),
        ("devices_in_chunk", place(|h| h.devices_in_chunk = u32::MAX.into())),
        ("chunk_size", place(|h| h.chunk_size = u32::MAX.into())),
        ("session_id", place(|h| h.session_id = u64::MAX.into())),
        ("reserved", place(|h| h.reserved = [u8::MAX; 8])),
    ]);
    assert_eq!(c().fields_of("scan_chunk_header"), ours);

    let room = RECORDS_PER_CHUNK as usize * RECORD_BYTES;
    let chunk = c().fields_of("scan_chunk");
    assert_eq!(chunk["devices"], (CHUNK_HEADER_BYTES, room));
    assert_eq!(chunk["padding"], (CHUNK_HEADER_BYTES + room, READ_PAYLOAD_BYTES - room));
    assert_eq!(changed(&[0; CHUNK_BYTES], &zero.with_body(&vec![u8::MAX; room])), chunk["devices"]);

    let image = c().image::<CHUNK_BYTES>("scan_chunk");
    let mut machine = ScanTransfer::new();
    assert_eq!(machine.feed(&image), Ok(Progress::Done));
    assert_eq!(machine.session_id(), Some(0x3132333435363738));
    assert_eq!(machine.finish().unwrap().records, [0, 1, 2, 3, 4].map(marked));
    let body: Vec<_> = [0, 1, 2, 3, 4].map(|nth| marked(nth).encode()).concat();
    assert_eq!(ScanChunkHeader::of(&image).with_body(&body), image);
}

#[test]
fn read_chunk_fields_lie_where_c_has_them() {
    let zero = *ReadChunkHeader::of(&[0; CHUNK_BYTES]);
    let place = |set: fn(&mut ReadChunkHeader)| {
        let mut header = zero;
        set(&mut header);
        changed(&[0; CHUNK_BYTES], &header.with_body(&[]))
    };
    let ours = BTreeMap::from([
        ("token", place(|h| h.token = u16::MAX.into())),
        ("chunk_index", place(|h| h.chunk_index = u16::MAX.into())),
        ("total_chunks", place(|h| h.total_chunks = u32::MAX.into())),
        ("data_offset", place(|h| h.data_offset = u32::MAX.into())),
        ("chunk_size", place(|h| h.chunk_size = u32::MAX.into())),
        ("session_id", place(|h| h.session_id = u64::MAX.into())),
        ("reserved", place(|h| h.reserved = [u8::MAX; 8])),
    ]);
    assert_eq!(c().fields_of("read_chunk_header"), ours);

    assert_eq!(c().fields_of("read_chunk")["data"], (CHUNK_HEADER_BYTES, READ_PAYLOAD_BYTES));
    // What doesn't fit is cut, never written past the end.
    assert_eq!(changed(&[0; CHUNK_BYTES], &zero.with_body(&[u8::MAX; 300])), (CHUNK_HEADER_BYTES, READ_PAYLOAD_BYTES));

    let image = c().image::<CHUNK_BYTES>("read_chunk");
    let mut machine = ReadTransfer::new(DeviceId::new(0x8003));
    assert_eq!(machine.feed(&image), Ok(Progress::Done));
    assert_eq!(machine.session_id(), Some(0x4142434445464748));
    assert_eq!(machine.finish().unwrap(), (1..=224).collect::<Vec<u8>>());
    assert_eq!(ReadChunkHeader::of(&image).with_body(&image[CHUNK_HEADER_BYTES..]), image);
}
