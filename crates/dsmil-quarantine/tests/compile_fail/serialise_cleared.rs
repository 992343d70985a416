use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Quarantine};

fn main() {
    let cleared = Quarantine::new().clear(DeviceId::new(0x8003), Operation::Read, 0).unwrap();
    let _ = serde_json::to_string(&cleared);
}
