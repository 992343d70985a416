use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Quarantine, Request};

fn main() {
    let denied = Quarantine::new().clear(DeviceId::new(0x8009), Operation::Read, 0).unwrap_err();
    let _ = Request::read_start(&denied);
}
