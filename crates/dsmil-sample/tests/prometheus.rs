//! Queries to a Prometheus server: to a listener that answers whatever the test wants, and to Debian's own.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "what is read is exact")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{labels, sample, value, well, wrong};
use dsmil_gate::Measurement;
use dsmil_sample::{Marks, PrometheusQuery, PrometheusSampler, SampleError, Sampler, SystemClock, sample_once};

fn query(metric: &str, query: &str) -> PrometheusQuery {
    PrometheusQuery { metric: metric.to_owned(), query: query.to_owned() }
}

fn sampler(url: &str, query_text: &str) -> PrometheusSampler {
    PrometheusSampler::new(url, [query("answer", query_text)], Marks::default()).unwrap()
}

/// A server that gives each connection to a function, and keeps what it was asked.
struct Listener {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn start(answer: impl Fn(&mut TcpStream, &str) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                kept.lock().unwrap().push(request.clone());
                answer(&mut stream, &request);
            }
        });
        Self { url, asked }
    }

    /// One that answers everything with this.
    fn answering(status: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |stream, _| respond(stream, status, &body))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn respond(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
}

fn read_request(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn vector(elements: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{elements}]}}}}"#)
}

#[test]
fn a_vector_and_a_scalar_become_measurements() {
    let one = r#"{"metric":{"__name__":"http_requests","job":"api"},"value":[1700000000.25,"12.5"]}"#;
    let two = r#"{"metric":{"job":"db"},"value":[1700000000.25,"+Inf"]}"#;
    let server = Listener::answering("200 OK", vector(&format!("{one},{two}")));
    let marks = Marks::new(&[("site".to_owned(), "here".to_owned())].into(), true);
    let mut sampler = PrometheusSampler::new(&server.url, [query("requests", "sum by (job) (http_requests)")], marks).unwrap();
    let seen = well(&mut sampler);
    let of = |job| labels(&[("job", job), ("site", "here"), ("source", "external")]);
    let measurement = |job, value| Measurement::new("requests", 1_700_000_000_250, value).with_labels(of(job));
    assert_eq!(seen, [measurement("api", 12.5), measurement("db", f64::INFINITY)]);
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "the result of a function has the time of its evaluation");
    assert!(asked[0].starts_with("POST /api/v1/query HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains("\r\n\r\nquery=sum+by+(job)+(http_requests)&timeout="), "{asked:?}");
    assert!(!asked[0].to_lowercase().contains("authorization:"));
    let server =
        Listener::answering("200 OK", r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"4"]}}"#);
    let scalar = well(&mut self::sampler(&server.url, "scalar(vector(4))"));
    assert_eq!(scalar, [Measurement::new("answer", 1_700_000_000_000, 4.0)]);
    assert_eq!(self::sampler(&server.url, "up").metrics(), ["answer"]);
}

#[test]
fn a_selector_has_the_time_of_its_samples() {
    let server = Listener::start(|stream, request| {
        // Evaluated at 1700000100; one sample is 15 s old, the other a minute.
        let value = |job: &str, value: &str| format!(r#"{{"metric":{{"job":"{job}"}},"value":[1700000100.5,"{value}"]}}"#);
        let elements = if request.contains("query=timestamp(up)&") {
            assert!(request.contains("&time=1700000100.500"), "at the same evaluation time: {request}");
            format!("{},{}", value("b", "1700000040"), value("a", "1700000085.125"))
        } else {
            format!("{},{}", value("a", "1"), value("b", "0"))
        };
        respond(stream, "200 OK", &vector(&elements));
    });
    let seen = well(&mut sampler(&server.url, "up"));
    let times: Vec<_> = seen.iter().map(|seen| (seen.labels.get("job"), seen.at, seen.value)).collect();
    assert_eq!(times, [("a", 1_700_000_085_125, 1.0), ("b", 1_700_000_040_000, 0.0)]);
}

#[test]
fn each_kind_of_rubbish_is_told() {
    let told = |status: &'static str, body: &str| {
        let server = Listener::answering(status, body);
        let told = wrong(&mut sampler(&server.url, "avg(up)"));
        told.replace(&server.url, "URL")
    };
    let query = "answer: the query \"avg(up)\" ";
    for (status, body, expected) in [
        ("200 OK", "<html>welcome</html>", "URL: it answers 200 with what is not JSON: \"<html>welcome</html>\"".to_owned()),
        ("200 OK", "", "URL: it answers 200 with what is not JSON: \"\"".to_owned()),
        ("200 OK", "[]", "URL: it answers 200 with what is no answer of a Prometheus: \"[]\"".to_owned()),
        ("502 Bad Gateway", "oops", "URL: it answers 502 with what is not JSON: \"oops\"".to_owned()),
        ("404 Not Found", "{}", "URL: it answers 404 with what is no answer of a Prometheus: \"{}\"".to_owned()),
        ("401 Unauthorized", "", "URL: it answers 401: see bearer_file, or user and password_file".to_owned()),
        ("403 Forbidden", "", "URL: it answers 403: see bearer_file, or user and password_file".to_owned()),
        (
            "422 Unprocessable Entity",
            r#"{"status":"error","errorType":"execution","error":"too many\nsamples"}"#,
            format!("{query}is refused with 422, execution: too many\\nsamples"),
        ),
        ("200 OK", &vector(""), format!("{query}has no result: nothing matches it, or no sample is newer than five minutes")),
        (
            "200 OK",
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
            format!("{query}gives a range of samples: leave out the [...] at its end, or put a function around it"),
        ),
        (
            "200 OK",
            r#"{"status":"success","data":{"resultType":"string","result":[1,"a"]}}"#,
            format!("{query}gives a string, and not an instant vector or a scalar"),
        ),
        ("200 OK", r#"{"status":"success"}"#, format!("{query}is answered without a resultType")),
        ("200 OK", r#"{"status":"success","data":{"resultType":"vector"}}"#, format!("{query}gives a vector that is no list")),
        ("200 OK", &vector("{}"), format!("{query}gives an element without labels")),
        ("200 OK", &vector(r#"{"metric":{"a":1},"value":[1,"1"]}"#), format!("{query}gives a label \"a\" that is no text")),
        (
            "200 OK",
            &vector(r#"{"metric":{},"value":[1,1]}"#),
            format!("{query}gives a value that is not [time, \"number\"]: [1,1]"),
        ),
        (
            "200 OK",
            &vector(r#"{"metric":{},"value":["1","much"]}"#),
            format!("{query}gives a value that is not [time, \"number\"]: [\\\"1\\\",\\\"much\\\"]"),
        ),
    ] {
        assert_eq!(told(status, body), expected, "{body}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let trap = Listener::answering("200 OK", vector(r#"{"metric":{},"value":[1,"1"]}"#));
    let target = trap.url.clone();
    let server = Listener::start(move |stream, _| {
        _ = write!(stream, "HTTP/1.1 302 Found\r\nlocation: {target}/api/v1/query\r\ncontent-length: 0\r\n\r\n");
    });
    let told = wrong(&mut sampler(&server.url, "up"));
    assert!(told.ends_with("it answers 302, a redirect, which is not followed: write the URL itself"), "{told}");
    assert!(trap.asked().is_empty(), "nobody else was asked");
}

fn fails_in_time(server: &Listener) -> SampleError {
    let begun = Instant::now();
    let (seen, mut errors) = sample_once(&mut sampler(&server.url, "up"), &SystemClock, Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(seen.is_empty() && errors.len() == 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn one_that_is_slow_or_never_answers_ends_at_the_time_out() {
    let never = Listener::start(|_, _| thread::sleep(Duration::from_secs(3)));
    assert_eq!(
        fails_in_time(&never).to_string(),
        format!("asking {} took longer than 300ms; see why, or set a longer `timeout`", never.url)
    );
    let drips = Listener::start(|stream, _| {
        _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(fails_in_time(&drips).kind(), "timeout");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    assert!(wrong(&mut sampler(&url, "up")).contains("refused"));
}

#[test]
fn what_is_huge_or_broken_off_is_an_error() {
    let huge = Listener::start(|stream, _| {
        _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let block = vec![b' '; 65536];
        while stream.write_all(&block).is_ok() {}
    });
    assert_eq!(wrong(&mut sampler(&huge.url, "up")), format!("{}: more than 4194304 bytes; the rest was left out", huge.url));
    let broken = Listener::start(|stream, _| _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{\"sta"));
    assert!(wrong(&mut sampler(&broken.url, "up")).starts_with(&broken.url));
    let other = Listener::start(|stream, _| _ = write!(stream, "220 mail.example ESMTP\r\n"));
    assert!(wrong(&mut sampler(&other.url, "up")).starts_with(&other.url));
}

#[test]
fn one_query_that_fails_leaves_the_others_and_a_server_that_fails_leaves_none() {
    let server = Listener::start(|stream, request| {
        let body = if request.contains("bad") { vector("") } else { vector(r#"{"metric":{},"value":[1,"1"]}"#) };
        respond(stream, "200 OK", &body);
    });
    let queries = [query("first", "sum(bad)"), query("second", "sum(good)")];
    let (seen, errors) = sample(&mut PrometheusSampler::new(&server.url, queries, Marks::default()).unwrap());
    assert_eq!((seen.len(), errors.len()), (1, 1), "{errors:?}");
    assert!(errors[0].to_string().starts_with("first: the query \"sum(bad)\" has no result"));
    assert_eq!(&*seen[0].metric, "second");
    let server = Listener::answering("503 Service Unavailable", "starting");
    let queries = [query("first", "sum(a)"), query("second", "sum(b)")];
    let (_, errors) = sample(&mut PrometheusSampler::new(&server.url, queries, Marks::default()).unwrap());
    assert_eq!((errors.len(), server.asked().len()), (1, 1), "it is not asked for the rest");
}

fn secret(folder: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn secrets_come_from_files_that_nobody_else_can_use() {
    let folder = tempfile::tempdir().unwrap();
    let server = Listener::answering("200 OK", vector(r#"{"metric":{},"value":[1,"1"]}"#));
    let bearer = |path| sampler(&server.url, "sum(up)").bearer_file(path).unwrap();
    let token = secret(folder.path(), "token", "s3cret\n", 0o600);
    well(&mut bearer(token.clone()));
    assert!(server.asked()[0].contains("\r\nauthorization: Bearer s3cret\r\n"), "{:?}", server.asked());
    let password = secret(folder.path(), "password", "open sesame", 0o400);
    well(&mut sampler(&server.url, "sum(up)").user("Aladdin", password).unwrap());
    // The example of RFC 7617.
    assert!(server.asked()[1].contains("\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{:?}", server.asked());
    let told = |name, text, mode| wrong(&mut bearer(secret(folder.path(), name, text, mode)));
    let open = told("open", "s3cret", 0o640);
    assert!(open.contains("others than its owner may use it (mode 0640); chmod 600"), "{open}");
    assert!(!open.contains("s3cret"));
    assert!(told("empty", "\n", 0o600).contains("it is empty; write the secret into it, in one line"));
    assert!(told("lines", "a\r\nx-evil: b", 0o600).contains("several lines or control characters"));
    assert!(told("long", &"a".repeat(5000), 0o600).contains("more than 4096 bytes"));
    assert!(wrong(&mut bearer(folder.path().join("none"))).contains("No such file"));
    assert!(wrong(&mut bearer(folder.path().to_owned())).contains("not a regular file"));
    assert_eq!(server.asked().len(), 2, "without its secret nobody is asked");
    let error = sampler("http://prometheus.example:9090", "up").bearer_file(token).unwrap_err();
    assert!(error.to_string().contains("would send a secret over the network in plain; write https"), "{error}");
}

#[test]
fn a_url_that_makes_no_sense_is_refused_and_its_password_not_shown() {
    let told = |url: &str| PrometheusSampler::new(url, [query("a", "up")], Marks::default()).unwrap_err().to_string();
    assert_eq!(told("http://me:hunter2@host"), "prometheus.url: there is a user in it; write user and password_file");
    for (url, expected) in [
        ("", "is no URL"),
        ("host name", "is no URL"),
        ("localhost:9090", "has no scheme"),
        ("ftp://host", "is neither http nor https"),
        ("http://host/?a=b", "has a query"),
    ] {
        assert!(told(url).contains(expected), "{url}: {}", told(url));
    }
    let server = Listener::answering("200 OK", vector(r#"{"metric":{},"value":[1,"1"]}"#));
    well(&mut sampler(&format!("{}/prefix/", server.url), "sum(up)"));
    assert!(server.asked()[0].starts_with("POST /prefix/api/v1/query "), "{:?}", server.asked());
}

/// Debian's server, ended with the test.
struct Prometheus {
    process: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl Prometheus {
    fn start(web_config: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs: [{{targets: ['{free}']}}]\n"
        );
        let config_file = folder.path().join("prometheus.yml");
        fs::write(&config_file, config).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config_file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={free}")).arg("--log.level=error");
        if let Some(text) = web_config {
            certificate(folder.path());
            fs::write(folder.path().join("web.yml"), text).unwrap();
            command.arg(format!("--web.config.file={}", folder.path().join("web.yml").display()));
        }
        let process =
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, folder, address: free.to_string() }
    }

    /// Its first sample that is well, within ten seconds.
    fn first(sampler: &mut PrometheusSampler) -> Vec<Measurement> {
        let begun = Instant::now();
        loop {
            let (seen, errors) = sample(sampler);
            if errors.is_empty() {
                return seen;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "{errors:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// An authority and a certificate of it for 127.0.0.1.
fn certificate(folder: &Path) {
    fs::write(folder.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -days 2 -keyout ca.key -out ca.pem -subj /CN=authority"),
        format!("req -new {key} -keyout key.pem -out cert.csr -subj /CN=server"),
        "x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile leaf.ext -days 2 -out cert.pem".to_owned(),
    ] {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

#[test]
fn debians_prometheus_answers_and_its_samples_have_their_own_times() {
    let server = Prometheus::start(None);
    let url = format!("http://{}", server.address);
    let queries =
        [query("up", "up{job=\"self\"}"), query("taken", "timestamp(up{job='self'})"), query("four", "scalar(vector(4))")];
    let mut all = PrometheusSampler::new(&url, queries, Marks::default()).unwrap();
    let own = [("instance", server.address.as_str()), ("job", "self")];
    let mut seen = Prometheus::first(&mut all);
    let mut rounds = 0;
    loop {
        let up = seen.iter().find(|seen| seen.metric == "up").unwrap();
        let by_hand = (1000.0 * value(&seen, "taken", &own)).round() as i64;
        let evaluated = seen.iter().find(|seen| seen.metric == "taken").unwrap().at;
        if value(&seen, "up", &own) == 1.0 && up.at == by_hand && up.at < evaluated {
            break;
        }
        // Its first scrape may come before it can answer, and a scrape may come between two questions.
        rounds += 1;
        assert!(rounds < 40, "{seen:#?}");
        thread::sleep(Duration::from_millis(150));
        seen = well(&mut all);
    }
    assert_eq!(value(&seen, "four", &[]), 4.0);
    // Whatever stands in a query reaches the server as it is.
    let odd = "a&b=c%41+d;é #?/{}";
    let text = format!("label_replace(vector(1) + vector(2), \"odd\", \"{odd}\", \"\", \"\")");
    assert_eq!(value(&well(&mut sampler(&url, &text)), "answer", &[("odd", odd)]), 3.0);
    for (text, expected) in [
        ("up{", "is refused with 400, bad_data: "),
        ("no_such_metric", "has no result: nothing matches it"),
        ("up[5m]", "gives a range of samples: leave out the [...]"),
        ("\"text\"", "gives a string, and not an instant vector or a scalar"),
    ] {
        let told = wrong(&mut sampler(&url, text));
        assert!(told.contains(expected), "{text}: {told}");
    }
}

#[test]
fn debians_prometheus_behind_tls_and_a_password_lets_in_who_may() {
    // The password is "test", as the server's documentation has it.
    let web = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n\
        basic_auth_users: {admin: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay}\n";
    let server = Prometheus::start(Some(web));
    let url = format!("https://{}", server.address);
    let password = secret(server.folder.path(), "password", "test\n", 0o600);
    let certificate = server.folder.path().join("ca.pem");
    let mut may = sampler(&url, "vector(1)").user("admin", &password).unwrap().ca_file(&certificate);
    assert_eq!(value(&Prometheus::first(&mut may), "answer", &[]), 1.0);
    let stranger = wrong(&mut sampler(&url, "vector(1)").user("admin", password.clone()).unwrap());
    assert!(stranger.to_lowercase().contains("certificate") || stranger.contains("UnknownIssuer"), "{stranger}");
    let unknown = wrong(&mut sampler(&url, "vector(1)").ca_file(&certificate));
    assert!(unknown.ends_with("it answers 401: see bearer_file, or user and password_file"), "{unknown}");
    fs::write(server.folder.path().join("none.pem"), "nothing\n").unwrap();
    let told = wrong(&mut sampler(&url, "vector(1)").ca_file(server.folder.path().join("none.pem")));
    assert!(told.ends_with("none.pem: there is no certificate in it"), "{told}");
}
