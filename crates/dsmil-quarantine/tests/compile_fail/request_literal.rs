use dsmil_protocol::{DeviceId, RequestCode};
use dsmil_quarantine::Request;

fn main() {
    let _ = Request { code: RequestCode::ReadStart, id: Some(DeviceId::new(0x8009)) };
}
