//! In steady state the engine allocates nothing, whatever the functions of its rules.

#![allow(clippy::unwrap_used, clippy::format_push_string)]

use dsmil_gate::{Engine, GateFile, Labels, Samples};

#[test]
fn nothing_is_allocated_in_steady_state() {
    let mut text = "version = 1\n".to_owned();
    let functions = ["last", "avg", "min", "max", "quantile", "rate", "increase", "absent"];
    for function in functions {
        text += &format!("[[rule]]\nname = \"{function}\"\nmetric = \"m\"\non_fail = \"hold\"\nfunction = \"{function}\"\n");
        text += if function == "last" { "" } else { "window = \"5m\"\n" };
        text += if function == "absent" { "" } else { "fail_when = \"> 1000000\"\non_no_data = \"fail\"\n" };
        text += if function == "quantile" { "quantile = 0.95\n" } else { "" };
    }
    let names: Vec<String> = functions.iter().map(|name| format!("{name:?}")).collect();
    text += "[[zone]]\nname = \"z\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"\n[[zone.band]]\nname = \"red\"\nverdict = \"hold\"\n";
    text += &format!("rules = [{}]\n", names.join(", "));
    for (kind, more) in [("all", "zones = [\"z\"]"), ("any", ""), ("score", "threshold = 0.5")] {
        text += &format!("[[gate]]\nname = \"{kind}\"\nkind = \"{kind}\"\n{more}\nrules = [{}]\n", names.join(", "));
    }
    let mut engine = Engine::new(GateFile::parse(&text, "steady.toml").unwrap());
    let mut samples = Samples::new();
    let ids: Vec<_> = ["a", "b"].iter().map(|host| samples.series("m", &Labels::from_iter([("host", *host)]))).collect();
    let look_back = engine.file().longest_look_back();
    let mut tick = |second: i64| {
        let now = second * 1000;
        for id in &ids {
            samples.push(*id, now, (second % 100) as f64);
        }
        samples.prune(now - look_back);
        engine.advance(&samples, now)[0].verdict
    };
    (0..2000).for_each(|second| _ = tick(second));
    let counted = allocation_counter::measure(|| (2000..12_000).for_each(|second| _ = tick(second)));
    assert_eq!(counted.count_total, 0);
    // The counter counts.
    assert!(allocation_counter::measure(|| _ = std::hint::black_box(vec![1u8; 100])).count_total > 0);
}
