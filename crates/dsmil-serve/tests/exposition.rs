//! What Prometheus gets: read back by a small parser, by promtool, and by a real server that scrapes us.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::fake::{Fake, family};
use common::{Setting, connect, read_answer, request, start_with};
use dsmil_gate::{Labels, Measurement};
use dsmil_serve::{Api, Exposition, Family, Format, Kind, Limits, Sample};
use proptest::prelude::*;
use serde_json::Value;

type Key = (String, BTreeMap<String, String>);

/// Every sample of a text: the plainest parser that knows the escapes. Panics on what it doesn't understand.
fn parse(text: &str, format: Format) -> (BTreeMap<Key, (u64, i64)>, BTreeMap<String, String>) {
    let (mut samples, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let text = match format {
        Format::OpenMetrics => text.strip_suffix("# EOF\n").unwrap(),
        Format::Text => text,
    };
    for line in text.split_terminator('\n') {
        if let Some(metadata) = line.strip_prefix("# ") {
            let mut words = metadata.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            if word == "TYPE" {
                assert_eq!(kinds.insert(name.to_owned(), rest.to_owned()), None, "{name} twice");
            }
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        while let Some(label) = rest.strip_prefix(['{', ',']) {
            let (label, value) = label.split_once("=\"").unwrap();
            let mut unescaped = String::new();
            let mut letters = value.char_indices();
            rest = loop {
                match letters.next().unwrap() {
                    (_, '\\') => unescaped.push(match letters.next().unwrap().1 {
                        'n' => '\n',
                        other => {
                            assert!(matches!(other, '\\' | '"'));
                            other
                        }
                    }),
                    (at, '"') => break &value[at + 1..],
                    (_, other) => unescaped.push(other),
                }
            };
            labels.insert(label.to_owned(), unescaped);
        }
        let (value, at) = rest.trim_start_matches('}').strip_prefix(' ').unwrap().split_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let at = match format {
            Format::Text => at.parse().unwrap(),
            Format::OpenMetrics => at.replace('.', "").parse::<i64>().unwrap(),
        };
        // Every NaN is the same here: the text has only one.
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        assert_eq!(samples.insert((name.to_owned(), labels), (bits, at)), None, "{line} twice");
    }
    (samples, kinds)
}

fn any_family() -> impl Strategy<Value = Family> {
    let names = prop::sample::select(vec!["a", "b_total", "b", "b_created", "c_bytes", "_", "d:e", "f_ms_total", "_total"]);
    let labels = prop::collection::btree_map(prop::sample::select(vec!["x", "y", "_z"]), any::<String>(), 0..3);
    let value = prop_oneof![any::<f64>(), Just(f64::NAN), Just(0.1), Just(-0.0), (any::<i64>().prop_map(|number| number as f64))];
    let at = 0..253_402_300_800_000_i64;
    let samples = prop::collection::vec((labels, value, at), 0..6);
    let kinds = prop::sample::select(vec![Kind::Gauge, Kind::Counter, Kind::Unknown]);
    (names, any::<String>(), kinds, samples).prop_map(|(name, help, kind, samples)| {
        let sample =
            |(labels, value, at): (BTreeMap<&str, String>, f64, i64)| Sample { labels: labels.into_iter().collect(), value, at };
        let samples = samples.into_iter().map(sample).collect();
        Family { name: name.to_owned(), help, unit: Some("bytes".to_owned()), kind, samples }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_is_written_is_read_back(families in prop::collection::vec(any_family(), 0..8)) {
        // The newest of each series, the first of those of one time.
        let mut wanted: BTreeMap<Key, (u64, i64)> = BTreeMap::new();
        for family in &families {
            for sample in family.samples.iter().filter(|sample| !dsmil_gate::is_stale(sample.value)) {
                let labels = sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                let bits = if sample.value.is_nan() { f64::NAN.to_bits() } else { sample.value.to_bits() };
                let newest = wanted.entry((family.name.clone(), labels)).or_insert((bits, sample.at));
                if newest.1 < sample.at {
                    *newest = (bits, sample.at);
                }
            }
        }
        let exposition = Exposition { families };
        for format in [Format::OpenMetrics, Format::Text] {
            let (text, left_out) = exposition.write(format);
            prop_assert_eq!(left_out, Vec::<String>::new());
            let (samples, kinds) = parse(&text, format);
            prop_assert_eq!(&samples, &wanted);
            if format == Format::OpenMetrics {
                // No name belongs to two families.
                for (name, kind) in &kinds {
                    let owned = if kind == "counter" { vec![format!("{name}_total"), format!("{name}_created")] } else { vec![] };
                    prop_assert!(owned.iter().all(|owned| !kinds.contains_key(owned)), "{}", text);
                }
            }
        }
    }
}

#[test]
fn each_detail_is_as_the_formats_have_it() {
    let of = |families| Exposition { families };
    let none = Labels::default;
    let counter = family("device_errors_total", Kind::Counter, None, vec![(none(), 3.0)], 1500);
    let bytes = family("disk_free_bytes", Kind::Gauge, Some("bytes"), vec![(none(), 1e18)], -1);
    let exposition = of(vec![counter.clone(), bytes.clone()]);
    let open = "# TYPE device_errors counter\n# HELP device_errors What device_errors_total says.\ndevice_errors_total 3 1.500\n\
                # TYPE disk_free_bytes gauge\n# UNIT disk_free_bytes bytes\n# HELP disk_free_bytes What disk_free_bytes says.\n\
                disk_free_bytes 1e18 -0.001\n# EOF\n";
    assert_eq!(exposition.write(Format::OpenMetrics).0, open);
    let text = "# TYPE device_errors_total counter\n# HELP device_errors_total What device_errors_total says.\n\
                device_errors_total 3 1500\n# TYPE disk_free_bytes gauge\n# HELP disk_free_bytes What disk_free_bytes says.\n\
                disk_free_bytes 1e18 -1\n";
    assert_eq!(exposition.write(Format::Text).0, text);

    // A counter that can't have its name, a stale series, an empty family, and names that nobody can read.
    let gauge = family("device_errors", Kind::Gauge, None, vec![(none(), 1.0)], 0);
    assert!(of(vec![gauge, counter]).write(Format::OpenMetrics).0.contains("# TYPE device_errors_total unknown\n"));
    let misnamed = family("errors", Kind::Counter, None, vec![(none(), 1.0)], 0);
    assert!(of(vec![misnamed]).write(Format::OpenMetrics).0.starts_with("# TYPE errors unknown\n"));
    let stale = family("gone", Kind::Gauge, None, vec![(none(), Measurement::stale("gone", none(), 0).value)], 0);
    assert_eq!(of(vec![stale, family("empty", Kind::Gauge, None, vec![], 0)]).write(Format::Text).0, "");
    let label = |name: &str| vec![([(name, "x")].into_iter().collect::<Labels>(), 1.0)];
    let odd = of(vec![
        family("9lives", Kind::Gauge, None, vec![(none(), 1.0)], 0),
        family("", Kind::Gauge, None, vec![(none(), 1.0)], 0),
        family("a\nb 1\n", Kind::Gauge, None, vec![(none(), 1.0)], 0),
        family("fine", Kind::Gauge, None, [label("b:c"), label("a-b"), label("__name__"), label("ok")].concat(), 0),
    ]);
    let (text, left_out) = odd.write(Format::Text);
    assert!(text.ends_with("\nfine{ok=\"x\"} 1 0\n") && text.lines().count() == 3, "{text}");
    assert_eq!(left_out.len(), 6);
    // A unit that the name doesn't end with, or that is the whole name.
    for (name, unit) in [("latency_ms", "seconds"), ("bytes", "bytes"), ("_bytes", "bytes"), ("x", "")] {
        let unit = family(name, Kind::Gauge, Some(unit), vec![(none(), 1.0)], 0);
        assert!(!of(vec![unit]).write(Format::OpenMetrics).0.contains("UNIT"), "{name}");
    }
}

#[test]
fn promtool_has_nothing_to_say() {
    let exposition = Fake { at: Some(1_700_000_000_123), ..Fake::default() }.metrics().unwrap();
    let (text, _) = exposition.write(Format::Text);
    let mut promtool = Command::new("promtool");
    let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool, of Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // It would have seconds for milliseconds and ratios for percents; the names are the catalogue's.
    let said: Vec<&str> =
        said.lines().filter(|line| !line.contains("use base unit") && !line.contains("abbreviated units")).collect();
    assert_eq!(said, Vec::<&str>::new(), "{text}");
}

/// Ends the server with the test, whatever happens in it.
struct Prometheus(Child, SocketAddr);

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start_prometheus(dir: &Path, setting: &Setting) -> Prometheus {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: dsmil\n  authorization: {{credentials: {}}}\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        setting.metrics,
        setting.server.local_addr()
    );
    fs::write(dir.join("prometheus.yml"), config).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stderr(fs::File::create(dir.join("log")).unwrap())
        .spawn()
        .expect("prometheus, of Debian's package of this name");
    Prometheus(child, address)
}

fn query(address: SocketAddr, query: &str) -> Option<Value> {
    std::net::TcpStream::connect(address).ok()?;
    let mut stream = connect(address);
    stream.write_all(&request("GET", &format!("/api/v1/query?query={query}"), None, &["Accept-Encoding: identity"], "")).unwrap();
    let answer = read_answer(&mut stream, false).filter(|answer| answer.status == 200)?;
    Some(answer.json()["data"]["result"].clone()).filter(|result| !result.as_array().unwrap().is_empty())
}

#[test]
fn a_real_prometheus_gets_every_metric_with_its_time() {
    let dir = tempfile::tempdir().unwrap();
    // Some seconds ago: what arrives must be the time of the observation, not that of the scrape.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let at = now - 5123;
    let setting = start_with(Fake { at: Some(at), ..Fake::default() }, Limits::default(), |_, _| {});
    let prometheus = start_prometheus(dir.path(), &setting);
    let begun = Instant::now();
    // {device=~".*"}[5m] and so on: everything that we gave, as raw samples with their times.
    let everything = "%7Bjob%3D%22dsmil%22%2C__name__!~%22up%7Cscrape_.*%22%7D%5B5m%5D";
    let result = loop {
        if let Some(result) = query(prometheus.1, everything) {
            break result;
        }
        let log = || fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "no scrape arrived: {}", log());
        sleep(Duration::from_millis(100));
    };
    let mut got = BTreeMap::new();
    for series in result.as_array().unwrap() {
        let mut labels: BTreeMap<String, String> = serde_json::from_value(series["metric"].clone()).unwrap();
        let name = labels.remove("__name__").unwrap();
        assert!(labels.remove("job").is_some() && labels.remove("instance").is_some());
        let values = series["values"].as_array().unwrap();
        assert_eq!(values.len(), 1, "one observation is one sample, however often it is scraped");
        let value: f64 = values[0][1].as_str().unwrap().parse().unwrap();
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        got.insert((name, labels), (bits, (values[0][0].as_f64().unwrap() * 1000.0).round() as i64));
    }
    let (text, _) = setting.fake.metrics().unwrap().write(Format::OpenMetrics);
    assert_eq!(got, parse(&text, Format::OpenMetrics).0);
    assert!(got.len() > 10 && got.values().all(|(_, time)| *time == at));
    // What our HELP and TYPE said arrived too.
    let mut stream = connect(prometheus.1);
    stream.write_all(&request("GET", "/api/v1/metadata?metric=device_errors", None, &["Accept-Encoding: identity"], "")).unwrap();
    let metadata = read_answer(&mut stream, false).unwrap().json();
    assert_eq!(metadata["data"]["device_errors"][0]["type"], "counter", "{metadata}");
}
