//! Over TLS: an authority of one's own is trusted where it is named, and nowhere else.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use common::{plain, receiver};
use dsmil_notify::{Receiver, deliver};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A certificate for a name, from the usual tool: itself its authority.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test";
    let names = format!("subjectAltName={name}");
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .args(["-addext", &names, "-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&cert)
        .arg("-keyout")
        .arg(&key)
        .output()
        .expect("openssl, of Debian's package of this name");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (cert, key)
}

/// Answers 200 to whoever comes as far as to ask.
fn serve(cert: &Path, key: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(cert).unwrap()];
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut room = [0; 8192];
            if tls.read(&mut room).is_ok_and(|count| count > 0) {
                _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                tls.conn.send_close_notify();
                _ = tls.flush();
            }
        }
    });
    port
}

fn hook(url: &str, authority: Option<&Path>) -> Receiver {
    let http = authority.map(|path| format!("http.ca_file = \"{}\"", path.display())).unwrap_or_default();
    receiver(&format!("kind = \"webhook\"\nurl = {url:?}\n{http}"))
}

#[test]
fn only_the_authority_that_is_named_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path(), "DNS:localhost");
    let (other, _) = certificate(folder.path(), "DNS:elsewhere");
    let url = format!("https://localhost:{}/hook", serve(&cert, &key));
    deliver(&hook(&url, Some(&cert)), &plain()).unwrap();
    for authority in [None, Some(other.as_path())] {
        let error = deliver(&hook(&url, authority), &plain()).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), ("connection", true), "{error}");
    }
    // The right authority and another name.
    let error = deliver(&hook(&url.replace("localhost", "127.0.0.1"), Some(&cert)), &plain()).unwrap_err();
    assert_eq!(error.kind(), "connection", "{error}");
}
