//! Test files of gates: what they find, and what is said about those that are malformed. And lint, and export.

#![allow(clippy::unwrap_used)]

use dsmil_gate::{GateFile, TestFile};

const GATES: &str = r#"version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
unit = "percent"
for = "1m"
on_fail = "hold"
on_no_data = "hold"
[[gate]]
name = "deploy"
kind = "all"
rules = ["cpu"]
"#;

fn test_file(test: &str) -> String {
    format!("version = 1\ngates = \"g.toml\"\n[[test]]\nname = \"t\"\n{test}")
}

fn run(test: &str) -> Vec<String> {
    let report = TestFile::parse(&test_file(test), "t.toml").unwrap().run(&GateFile::parse(GATES, "g.toml").unwrap());
    report.failures.iter().map(|failure| failure.lines().next().unwrap().to_owned()).collect()
}

#[test]
fn what_holds_holds_and_what_does_not_is_told_with_its_place() {
    let series = "series = { cpu_percent = \"40 80 80 _x5 stale\" }\n";
    let expect = |at: &str, claims: &str| format!("{series}[[test.expect]]\nat = \"{at}\"\n{claims}\n");
    for (at, claims) in [
        ("0", "verdict = \"go\""),
        ("1m", "rules = { cpu = \"pending\" }\ngates = { deploy = \"hold\" }"),
        ("1m59s", "rules = { cpu = \"pending\" }"),
        ("2m", "rules = { cpu = \"firing\" }"),
        ("7m", "rules = { cpu = \"firing\" }"),
        ("8m", "rules = { cpu = \"inactive\" }\nverdict = \"hold\""),
    ] {
        assert_eq!(run(&expect(at, claims)), [""; 0], "{at}");
    }
    assert_eq!(
        run(&expect("2m", "rules = { cpu = \"pending\" }")),
        ["test file t.toml, line 6, test t at 2m: rule cpu is firing, expected pending"]
    );
    assert_eq!(
        run(&expect("0", "verdict = \"hold\"")),
        ["test file t.toml, line 6, test t at 0s: the verdict is go, expected hold"]
    );
    assert_eq!(
        run(&expect("0", "gates = { deplay = \"go\" }")),
        ["test file t.toml, line 6, test t at 0s: the gate file has no gate deplay"]
    );
    assert_eq!(
        run(&expect("0", "zones = { load = \"green\" }")),
        ["test file t.toml, line 6, test t at 0s: the gate file has no zone load"]
    );
}

#[test]
fn malformed_test_files_are_told_what_is_wrong() {
    let cases = [
        (
            "series = { cpu = \"one\" }\n[[test.expect]]\nat = \"0\"\nverdict = \"go\"",
            "line 5, column 18, test[0].series: \"one\" is not a value",
        ),
        (
            "series = { \"9\" = \"1\" }\n[[test.expect]]\nat = \"0\"\nverdict = \"go\"",
            "line 5, column 12, test[0].series: \"9\" is not the name",
        ),
        ("series = { cpu = \"1x9999999\" }", "with \"1x9999999\" the file asks for too many samples"),
        ("", "test[0]: the test expects nothing"),
        ("[[test.expect]]\nat = \"0\"", "test[0].expect[0]: nothing is expected"),
        ("[[test.expect]]\nverdict = \"go\"", "test[0].expect[0].at: at is missing"),
        ("[[test.expect]]\nat = \"1m\"\nverdict = \"gone\"", "test[0].expect[0].verdict: \"gone\" is not known here"),
        ("[[test.expect]]\nat = \"1m\"\nrules = { cpu = \"fired\" }", "test[0].expect[0].rules.cpu: \"fired\" is not known here"),
        (
            "[[test.expect]]\nat = \"1m\"\nverdict = \"go\"\n[[test.expect]]\nat = \"1m\"\nverdict = \"go\"",
            "the times don't ascend",
        ),
        ("interval = \"1ms\"\n[[test.expect]]\nat = \"1y\"\nverdict = \"go\"", "the file asks for too many evaluations"),
        ("intervall = \"1m\"", "there is no key intervall here; did you mean interval?"),
    ];
    for (test, message) in cases {
        let error = TestFile::parse(&test_file(test), "t.toml").unwrap_err().to_string();
        assert!(error.starts_with("test file t.toml, line") && error.contains(message), "{error}");
    }
    let error = TestFile::parse("version = 1\n", "t.toml").unwrap_err().to_string();
    assert!(error.contains("gates is missing") && !error.contains('\n'), "{error}");
}

#[test]
fn many_small_tests_cannot_ask_for_more_than_one_large_one() {
    let test = "[[test]]\nname = \"t\"\nseries = { m = \"1x400000\" }\n[[test.expect]]\nat = \"1m\"\nverdict = \"go\"\n";
    let parse = |tests: usize| TestFile::parse(&format!("version = 1\ngates = \"g\"\n{}", test.repeat(tests)), "t.toml");
    assert!(parse(2).is_ok());
    assert!(parse(3).unwrap_err().to_string().contains("too many samples"));
}

fn lint(rules: &str) -> Vec<String> {
    let lints = GateFile::parse(&format!("version = 1\n{rules}"), "g.toml").unwrap().lint();
    lints.iter().map(|lint| format!("{}: {}", lint.subject, lint.what)).collect()
}

fn rule(name: &str, more: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\nmetric = \"m\"\non_fail = \"hold\"\non_no_data = \"hold\"\n{more}\n")
}

#[test]
fn lint_finds_what_was_probably_not_meant() {
    let cases = [
        ("fail_when = \"> 80\"\nunit = \"percent\"", None),
        ("fail_when = \"> 80\"", Some("it has no unit")),
        ("fail_when = \"> 100\"\nunit = \"percent\"", Some("it can never fire: percent lies from 0 to 100")),
        ("require = \"<= 100\"\nunit = \"percent\"", Some("it can never fire: percent lies from 0 to 100")),
        ("fail_when = \">= 0\"\nunit = \"percent\"", Some("it always fires: percent lies from 0 to 100")),
        ("require = \"> 100\"\nunit = \"percent\"", Some("it always fires: percent lies from 0 to 100")),
        ("require = \"0..100\"\nunit = \"percent\"", Some("it can never fire: percent lies from 0 to 100")),
        ("fail_when = \"1..2\"\nunit = \"ratio\"", None),
        ("fail_when = \"== 2\"\nunit = \"ratio\"", Some("it can never fire: ratio lies from 0 to 1")),
        (
            "function = \"increase\"\nwindow = \"5m\"\nfail_when = \"< 0\"\nunit = \"faults\"",
            Some("it can never fire: a counter never falls"),
        ),
        (
            "function = \"rate\"\nwindow = \"30s\"\nfail_when = \"> 1\"\nunit = \"faults\"",
            Some("it can never fire: a window of 30s seldom has the two samples that a rate needs"),
        ),
        ("function = \"avg\"\nwindow = \"5s\"\nfail_when = \"> 1\"\nunit = \"x\"", Some("a window of 5s often has no sample")),
    ];
    for (more, what) in cases {
        let expected: Vec<String> = what.iter().map(|what| format!("rule r: {what}")).collect();
        assert_eq!(lint(&rule("r", more)), expected, "{more}");
    }
    let two = |a: &str, b: &str, gate: &str| {
        let unit = "unit = \"x\"\n";
        lint(&format!("{}{}[[gate]]\nname = \"g\"\n{gate}\n", rule("a", &format!("{unit}{a}")), rule("b", &format!("{unit}{b}"))))
    };
    let all = "kind = \"all\"\nrules = [\"a\", \"b\"]";
    assert_eq!(two("require = \"< 10\"", "require = \"> 20\"", all), ["gate g: rules a and b contradict each other"]);
    assert_eq!(two("require = \"< 10\"", "require = \">= 10\"", all), ["gate g: rules a and b contradict each other"]);
    assert_eq!(two("require = \"<= 10\"", "require = \">= 10\"", all), [""; 0]);
    assert_eq!(two("require = \"> 10\"", "require = \"> 20\"", all), [""; 0]);
    assert_eq!(
        two("require = \"> 10\"", "require = \"> 20\"", "kind = \"any\"\nrules = [\"a\"]"),
        ["rule b: no gate and no zone names it", "gate g: it has one member only"]
    );
    assert_eq!(
        two("require = \"> 10\"\nweight = 0", "require = \"> 20\"", "kind = \"score\"\nthreshold = 1\nrules = [\"a\", \"b\"]"),
        ["gate g: rule a has no weight"]
    );
}

#[test]
fn lint_finds_a_rule_that_asks_for_more_than_its_band_says() {
    let found = |on_fail: &str, band: &str, gate: &str| {
        let rule = format!(
            "[[rule]]\nname = \"r\"\nmetric = \"m\"\nunit = \"x\"\nfail_when = \"> 1\"\non_fail = \"{on_fail}\"\non_no_data = \"hold\"\n"
        );
        let zone = "[[zone]]\nname = \"z\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"\n[[zone.band]]\nname = \"red\"\nrules = [\"r\"]\n";
        lint(&format!("{rule}{zone}verdict = \"{band}\"\n[[gate]]\nname = \"g\"\nkind = \"all\"\nzones = [\"z\"]\n{gate}"))
    };
    for (on_fail, band) in
        [("roll-back", "no-go"), ("no-go", "hold"), ("no-go", "go"), ("escalate", "hold"), ("escalate", "roll-back")]
    {
        let what = format!("rule r: it asks for {on_fail}, which counts for nothing in band red of zone z: the band says {band}");
        assert_eq!(found(on_fail, band, ""), [what]);
        assert_eq!(found(on_fail, band, "rules = [\"r\"]"), [""; 0], "named in a gate it counts");
    }
    for (on_fail, band) in [("hold", "go"), ("hold", "roll-back"), ("no-go", "no-go"), ("roll-back", "roll-back")] {
        assert_eq!(found(on_fail, band, ""), [""; 0], "{on_fail} in {band}");
    }
}

#[test]
fn what_prometheus_cannot_say_is_named() {
    let exported = GateFile::parse(
        "version = 1\n[[rule]]\nname = \"cpu\"\nmetric = \"cpu_percent\"\nlabels = { host = \"a\\\"b\" }\nfail_when = \"> 85\"\nclear_at = 75\n\
         staleness = \"1m\"\nunit = \"percent\"\nfor = \"90s\"\non_fail = \"no-go\"\non_no_data = \"fail\"\ndescription = \"a {{ brace\"\n\
         [[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"cpu\"]\n",
        "g.toml",
    )
    .unwrap()
    .to_prometheus("x");
    let starts: Vec<&str> = exported.not_expressed.iter().map(|sentence| sentence.split([',', ';']).next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "rule cpu: staleness 1m",
            "rule cpu: clear_at is expressed by the alert's own state",
            "rule cpu: that one series of several falls silent is missing evidence here",
            "gate g: a verdict is no alert"
        ]
    );
    assert!(exported.not_expressed.iter().all(|sentence| exported.yaml.contains(sentence)));
    assert!(exported.yaml.contains("for: 1m30s"));
    assert!(exported.yaml.contains("a {{ \\\"{{\\\" }} brace"), "{}", exported.yaml);
}
