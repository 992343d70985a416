use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Quarantine, Request};

fn main() {
    let cleared = Quarantine::new().clear(DeviceId::new(0x8003), Operation::Read, 0).unwrap();
    assert_eq!(Request::read_start(&cleared).id(), Some(DeviceId::new(0x8003)));
    let _: serde_json::Value = serde_json::from_str("1").unwrap();
}
