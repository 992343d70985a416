//! Certificate and private key.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::{Error, TlsFiles};

const MAX_BYTES: u64 = 1 << 20;

/// Reads both files: TLS 1.2 and 1.3, HTTP/1.1.
pub(crate) fn load(files: &TlsFiles) -> Result<TlsAcceptor, Error> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_reader_iter(open(&files.cert)?)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&files.cert, &error))?;
    if certificates.is_empty() {
        return Err(fault(&files.cert, "holds no certificate".to_owned(), "name the PEM file with BEGIN CERTIFICATE: tls.cert"));
    }
    let private = open(&files.key)?;
    check_private(&files.key)?;
    let key = PrivateKeyDer::from_pem_reader(private).map_err(|error| unreadable(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| {
        fault(
            &files.cert,
            format!("can't be used with {}: {error}", files.key.display()),
            "name the key that the certificate is for",
        )
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn open(path: &Path) -> Result<BufReader<std::io::Take<File>>, Error> {
    let remedy = "name a PEM file that the monitor's user can read";
    let metadata = fs::metadata(path).map_err(|error| fault(path, format!("can't be opened: {error}"), remedy))?;
    if !metadata.is_file() {
        return Err(fault(path, "is not a regular file".to_owned(), remedy));
    }
    let file = File::open(path).map_err(|error| fault(path, format!("can't be opened: {error}"), remedy))?;
    Ok(BufReader::new(file.take(MAX_BYTES)))
}

/// A group (such as Debian's ssl-cert) may read a private key, others may not.
fn check_private(path: &Path) -> Result<(), Error> {
    let metadata =
        fs::metadata(path).map_err(|error| fault(path, format!("can't be looked at: {error}"), "look at its folder"))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o027 != 0 {
        let what = format!("has mode {mode:04o}: others may read or change the private key");
        return Err(fault(path, what, "chmod 600 it, or 640 with a group of its own"));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &pem::Error) -> Error {
    fault(path, format!("can't be read as PEM: {error}"), "write it anew: PEM, a key without a passphrase")
}

fn fault(path: &Path, what: String, remedy: &'static str) -> Error {
    Error::Tls { path: path.to_owned(), what, remedy }
}
