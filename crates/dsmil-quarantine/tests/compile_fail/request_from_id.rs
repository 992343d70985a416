use dsmil_protocol::DeviceId;
use dsmil_quarantine::Request;

fn main() {
    let _ = Request::read_device(&DeviceId::new(0x8009));
    let _ = Request::read_start(&DeviceId::new(0x8009));
    let _ = Request::read_chunk(&DeviceId::new(0x8009));
    let _ = Request::read_complete(&DeviceId::new(0x8009));
}
