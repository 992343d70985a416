//! TLS: a real handshake, one that never ends, and files that can't be used.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::fake::Fake;
use common::{Setting, config, read_answer, request, start_with};
use dsmil_serve::{Limits, ServeConfig, Server, TlsFiles};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A certificate for this machine, from the usual tool.
fn certificate(dir: &Path, name: &str) -> TlsFiles {
    let files = TlsFiles { cert: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&files.cert)
        .arg("-keyout")
        .arg(&files.key)
        .output()
        .expect("openssl, of Debian's package of this name");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

fn start_tls(limits: Limits) -> (Setting, TlsFiles) {
    let mut files = None;
    let setting = start_with(Fake::default(), limits, |dir, config| {
        files = Some(certificate(dir, "server"));
        config.tls.clone_from(&files);
    });
    (setting, files.unwrap())
}

/// A client that trusts this certificate only.
fn client(setting: &Setting, trusted: &PathBuf) -> StreamOwned<ClientConnection, std::net::TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, setting.connect())
}

fn status(setting: &Setting, trusted: &PathBuf, key: Option<&str>) -> Option<u16> {
    let mut stream = client(setting, trusted);
    stream.write_all(&request("GET", "/api/v1/status", key, &[], "")).ok()?;
    Some(read_answer(&mut stream, false)?.status)
}

#[test]
fn requests_go_over_tls_and_over_nothing_else() {
    let (setting, files) = start_tls(Limits::default());
    assert_eq!(status(&setting, &files.cert, Some(&setting.read)), Some(200));
    assert_eq!(status(&setting, &files.cert, None), Some(401));
    assert_eq!(status(&setting, &files.cert, Some("wrong")), Some(401));
    // In the clear nothing is answered, but for an alert of TLS.
    let mut plain = setting.connect();
    plain.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
    let mut rest = Vec::new();
    _ = plain.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP"));

    // A renewed certificate is used for connections from now on; one that can't be read changes nothing.
    let renewed = certificate(setting.dir.path(), "renewed");
    fs::write(&files.cert, "nonsense").unwrap();
    assert_eq!(setting.server.reload_certificate().unwrap_err().kind(), "tls");
    fs::copy(&renewed.cert, &files.cert).unwrap();
    assert!(setting.server.reload_certificate().unwrap_err().to_string().contains("can't be used with"), "the old key");
    fs::copy(&renewed.key, &files.key).unwrap();
    setting.server.reload_certificate().unwrap();
    assert_eq!(status(&setting, &renewed.cert, Some(&setting.read)), Some(200));
    setting.server.stop();
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let (setting, files) = start_tls(Limits { handshake_timeout: "200ms".parse().unwrap(), connections: 2, ..Limits::default() });
    let begun = Instant::now();
    for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut half = setting.connect();
        half.write_all(start).unwrap();
        let mut rest = Vec::new();
        _ = half.read_to_end(&mut rest);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // One connection too many is closed, since it can't be told anything.
    let _held = [client(&setting, &files.cert), client(&setting, &files.cert)].map(|mut stream| {
        stream.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
        assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
        stream
    });
    assert_eq!(status(&setting, &files.cert, None), None);
    // A stop does not wait for a handshake either.
    let _half = setting.connect();
    let begun = Instant::now();
    setting.server.stop();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn files_that_cannot_be_used_are_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = config(dir.path(), Limits::default());
    let (good, other) = (certificate(dir.path(), "good"), certificate(dir.path(), "other"));
    let refused = |files: TlsFiles, says: &str| {
        let error = Server::start(&ServeConfig { tls: Some(files), ..base.clone() }, Arc::new(Fake::default())).unwrap_err();
        assert_eq!(error.kind(), "tls");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(TlsFiles { cert: dir.path().join("none"), ..good.clone() }, "can't be opened");
    refused(TlsFiles { cert: dir.path().to_owned(), ..good.clone() }, "not a regular file");
    refused(TlsFiles { cert: good.key.clone(), ..good.clone() }, "holds no certificate");
    refused(TlsFiles { key: good.cert.clone(), ..good.clone() }, "");
    refused(TlsFiles { key: other.key.clone(), ..good.clone() }, "can't be used with");
    for mode in [0o604, 0o620, 0o666] {
        fs::set_permissions(&good.key, fs::Permissions::from_mode(mode)).unwrap();
        refused(good.clone(), "chmod 600");
    }
    fs::set_permissions(&good.key, fs::Permissions::from_mode(0o640)).unwrap();
    // With TLS any address may be served.
    let config = ServeConfig { listen: "0.0.0.0:0".parse().unwrap(), tls: Some(good), ..base };
    Server::start(&config, Arc::new(Fake::default())).unwrap().stop();
}
