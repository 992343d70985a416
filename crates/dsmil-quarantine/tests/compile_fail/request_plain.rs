use dsmil_protocol::RequestCode;
use dsmil_quarantine::Request;

fn main() {
    let _ = Request::plain(RequestCode::ReadStart);
}
