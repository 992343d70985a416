//! Plans with each kind of mistake, and what is said about them: a file of cases and messages, to be read as one.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;

use common::{golden, load};
use dsmil_plan::Plan;

/// A plan that is right; the cases replace a part of it, or add to its end.
const BASE: &str = r#"version = 1
name = "base"
gate_files = ["g.toml"]
[people]
boss = "decides"
[devices]
baseline = ["0x8000..0x8003"]
[devices.sets]
more = [0x8004, 0x8005]
[[phase]]
name = "one"
[[phase]]
name = "two"
[[breaker]]
name = "fuse"
[[worker]]
id = "alpha"
team = "red"
phase = "one"
duration = "1h"
load = 30
builtin = "wait"
breaker = "fuse"
[[worker]]
id = "beta"
phase = "two"
needs = ["alpha"]
duration = "2h"
load = 40
builtin = "wait"
[[worker]]
id = "helper"
duration = "10m"
load = 10
builtin = "wait"
[[trigger]]
name = "help"
on = { completed = ["alpha"] }
if = { gate = "open" }
start = ["helper"]
[[stage]]
name = "grow"
phase = "two"
target = 6
devices = ["more"]
observe = "10m"
exit = "open"
background = ["keep"]
[[rollback]]
name = "back"
on = { verdict = { gate = "keep", is = "roll-back" } }
to = "stage"
"#;

/// Name, what is replaced (nothing: added at the end), by what.
const CASES: &[(&str, &str, &str)] = &[
    ("a name is missing", "name = \"base\"\n", ""),
    ("version 2", "version = 1", "version = 2"),
    ("a key of the plan is misspelt", "gate_files", "gate_fils"),
    ("a key of a worker is misspelt", "load = 30", "laod = 30"),
    ("a worker without an id", "id = \"alpha\"\n", ""),
    ("an id with a space", "id = \"helper\"", "id = \"hel per\""),
    ("two workers of one id", "id = \"helper\"", "id = \"beta\""),
    ("a phase called like a worker", "name = \"two\"", "name = \"alpha\""),
    ("nothing is to be done", "load = 30\nbuiltin = \"wait\"", "load = 30"),
    ("two things are to be done", "load = 30\nbuiltin = \"wait\"", "load = 30\nbuiltin = \"wait\"\ncallback = \"x\""),
    ("a built-in that there is not", "load = 30\nbuiltin = \"wait\"", "load = 30\nbuiltin = \"scna\""),
    ("an empty command", "load = 30\nbuiltin = \"wait\"", "load = 30\ncommand = []"),
    ("a command as text", "load = 30\nbuiltin = \"wait\"", "load = 30\ncommand = \"rm -rf /\""),
    ("no duration", "duration = \"2h\"\n", ""),
    ("a duration as a number", "duration = \"2h\"", "duration = 2"),
    ("a duration that is none", "duration = \"2h\"", "duration = \"2 hours\""),
    ("a duration and until", "duration = \"2h\"", "duration = \"2h\"\nuntil = [\"helper\"]"),
    ("a spread that is none", "duration = \"2h\"", "duration = \"2h\"\nspread = \"1h-3h\""),
    ("a spread the wrong way round", "duration = \"2h\"", "duration = \"2h\"\nspread = \"3h..1h\""),
    ("a duration outside of its spread", "duration = \"2h\"", "duration = \"2h\"\nspread = \"3h..4h\""),
    ("a load of more than the whole", "load = 30", "load = 130"),
    ("a load of more than the limit", "[people]", "[limits]\nload = 35\n[people]"),
    ("an unknown dependency", "needs = [\"alpha\"]", "needs = [\"alhpa\"]"),
    ("an unknown dependency, like nothing", "needs = [\"alpha\"]", "needs = [\"something-else\"]"),
    ("a dependency twice", "needs = [\"alpha\"]", "needs = [\"alpha\", \"alpha\"]"),
    ("a dependency on itself", "needs = [\"alpha\"]", "needs = [\"beta\"]"),
    ("a circle of two", "id = \"alpha\"", "id = \"alpha\"\nneeds = [\"beta\"]"),
    ("a circle through a phase", "phase = \"one\"\nduration", "phase = \"one\"\nneeds = [\"two\"]\nduration"),
    (
        "a circle through a trigger",
        "[[worker]]\nid = \"helper\"",
        "[[worker]]\nid = \"gamma\"\nneeds = [\"helper\"]\nduration = \"1m\"\nbuiltin = \"wait\"\n[[trigger]]\nname = \"again\"\non = { completed = [\"gamma\"] }\nstart = [\"helper\"]\n[[worker]]\nid = \"helper\"",
    ),
    (
        "a circle of background work",
        "[[worker]]\nid = \"alpha\"",
        "[[worker]]\nid = \"watch\"\nuntil = [\"alpha\"]\nbuiltin = \"wait\"\n[[worker]]\nid = \"alpha\"\nneeds = [\"watch\"]",
    ),
    ("an unknown phase", "phase = \"one\"\nduration", "phase = \"oen\"\nduration"),
    ("a worker where a phase belongs", "phase = \"one\"\nduration", "phase = \"beta\"\nduration"),
    ("a phase in which nothing is done", "", "[[phase]]\nname = \"three\""),
    (
        "a phase that is never reached",
        "",
        "[[worker]]\nid = \"last-resort\"\nduration = \"1m\"\nbuiltin = \"restore\"\n[[rollback]]\nname = \"far\"\non = { failed = [\"alpha\"] }\nto = \"run\"\nstart = [\"last-resort\"]\n[[phase]]\nname = \"three\"\nneeds = [\"last-resort\"]\n[[worker]]\nid = \"late\"\nphase = \"three\"\nduration = \"1m\"\nbuiltin = \"wait\"",
    ),
    ("an unknown pipeline", "team = \"red\"", "pipeline = \"pipe\""),
    ("a parent that nobody is", "team = \"red\"", "parent = \"bos\""),
    ("a breaker that there is not", "breaker = \"fuse\"", "breaker = \"fues\""),
    ("a gate that there is not", "exit = \"open\"", "exit = \"opne\""),
    ("a gate file that can't be read", "gate_files = [\"g.toml\"]", "gate_files = [\"h.toml\"]"),
    ("a gate file with a fault of its own", "gate_files = [\"g.toml\"]", "gate_files = [\"bad.toml\"]"),
    ("two gates of one name", "gate_files = [\"g.toml\"]", "gate_files = [\"g.toml\", \"h/g.toml\"]"),
    ("a quarantined device", "0x8004, 0x8005", "0x8004, 0x8009"),
    ("a range over quarantined devices", "\"0x8000..0x8003\"", "\"0x8000..0x800F\""),
    ("a device that is not served", "0x8004, 0x8005", "0x8004, 0x806C"),
    ("the two that destroy everything", "0x8004, 0x8005", "\"0x8100..0x8101\""),
    ("a number that is no device", "0x8004, 0x8005", "0x8004, 123456"),
    ("a range the wrong way round", "\"0x8000..0x8003\"", "\"0x8003..0x8000\""),
    ("a device twice", "0x8004, 0x8005", "0x8004, 0x8003"),
    ("a set that there is not", "devices = [\"more\"]", "devices = [\"mroe\"]"),
    ("a target that can't be reached", "target = 6", "target = 9"),
    ("a target that is reached already", "target = 6", "target = 4"),
    ("a stage that adds nothing", "devices = [\"more\"]\n", ""),
    ("percentages that fall", "target = 6", "target = 6\npercent = [50, 10, 100]"),
    ("percentages that don't end", "target = 6", "target = 6\npercent = [10, 50]"),
    ("percentages of nothing", "target = 6\ndevices = [\"more\"]", "percent = [10, 100]"),
    ("a batch and percentages", "target = 6", "target = 6\nbatch = 2\npercent = [100]"),
    ("a trigger without on", "on = { completed = [\"alpha\"] }\n", ""),
    ("a trigger on two things", "on = { completed = [\"alpha\"] }", "on = { completed = [\"alpha\"], time = \"1h\" }"),
    ("a trigger on something unknown", "on = { completed = [\"alpha\"] }", "on = { finished = [\"alpha\"] }"),
    ("a trigger that starts nothing", "start = [\"helper\"]", "start = []"),
    ("a trigger that starts a stage", "start = [\"helper\"]", "start = [\"grow\"]"),
    ("a trigger while what ended runs", "if = { gate = \"open\" }", "if = { running = [\"alpha\"] }"),
    ("a trigger while what comes later runs", "if = { gate = \"open\" }", "if = { running = [\"beta\"] }"),
    (
        "a trigger while what ended before runs",
        "on = { completed = [\"alpha\"] }\nif = { gate = \"open\" }",
        "on = { completed = [\"beta\"] }\nif = { running = [\"alpha\"] }",
    ),
    (
        "a trigger on a verdict that is never given",
        "on = { completed = [\"alpha\"] }",
        "on = { verdict = { gate = \"open\", is = \"roll-back\" } }",
    ),
    (
        "a trigger on a gate that nobody asks",
        "on = { completed = [\"alpha\"] }",
        "on = { verdict = { gate = \"spare\", is = \"no-go\" } }",
    ),
    (
        "a trigger after the window",
        "on = { completed = [\"alpha\"] }\nif = { gate = \"open\" }\nstart = [\"helper\"]",
        "on = { time = \"2d\" }\nstart = [\"helper\"]\n[limits]\nwindow = \"1d\"",
    ),
    ("a recheck without a gate", "if = { gate = \"open\" }", "recheck = \"5m\""),
    ("a rollback that nothing sets off", "background = [\"keep\"]\n", ""),
    ("a rollback to nowhere", "to = \"stage\"", "to = \"stag\""),
    ("a rollback on a verdict that is never given", "gate = \"keep\", is", "gate = \"open\", is"),
    ("retries of what must not be repeated", "breaker = \"fuse\"", "breaker = \"fuse\"\nretries = 2"),
    ("an own fallback", "breaker = \"fuse\"", "fallback = \"alpha\"\nbreaker = \"fuse\""),
    ("a fallback that a trigger starts", "breaker = \"fuse\"", "fallback = \"helper\"\nbreaker = \"fuse\""),
    ("help for itself", "load = 10", "load = 10\nhelps = { worker = \"helper\" }"),
    ("help that can't be told", "load = 10", "helps = { worker = \"alpha\" }"),
    ("a population that is too small", "", "[[population]]\nname = \"pop\"\nmembers = [\"alpha\"]\nminimum = 3"),
    ("a population of strangers", "", "[[population]]\nname = \"pop\"\nmembers = [\"alpah\"]\nminimum = 1"),
    ("an escalation without levels", "", "[[escalation]]\nname = \"e\"\non = [\"late\"]"),
    ("an escalation of nothing", "", "[[escalation]]\nname = \"e\"\non = [\"latte\"]\n[[escalation.level]]\nwhom = [\"boss\"]"),
    ("an escalation to nobody", "", "[[escalation]]\nname = \"e\"\non = [\"late\"]\n[[escalation.level]]\nwhom = [\"bos\"]"),
    (
        "an escalation that stays where it is",
        "",
        "[[escalation]]\nname = \"e\"\non = [\"late\"]\n[[escalation.level]]\nwhom = [\"boss\"]\n[[escalation.level]]\nwhom = [\"red\"]",
    ),
    ("an approval by nobody", "observe = \"10m\"", "observe = \"10m\"\napproval = { by = [] }"),
    ("an approval by a stranger", "observe = \"10m\"", "observe = \"10m\"\napproval = { by = [\"ceo\"] }"),
    ("a report without an occasion", "", "[[report]]\nname = \"r\""),
    ("a report with two", "", "[[report]]\nname = \"r\"\nevery = \"1h\"\nat = \"run-end\""),
    ("a window that is too narrow", "[people]", "[limits]\nwindow = \"2h\"\n[people]"),
    (
        "no room beside the background",
        "",
        "[[worker]]\nid = \"watch\"\nload = 70\nuntil = [\"two\"]\nbuiltin = \"observe\"\n[[worker]]\nid = \"gamma\"\nphase = \"two\"\nalongside = [\"watch\"]\nduration = \"1m\"\nload = 40\nbuiltin = \"wait\"",
    ),
    ("a simulation of a stranger", "", "[simulation.workers]\nalhpa = { failure = 5 }"),
    ("a simulation of more than all", "", "[simulation.gates]\nopen = { hold = 60, no-go = 50 }"),
    ("an include outside", "version = 1", "version = 1\ninclude = [\"/etc/passwd\"]"),
    ("an include that is not there", "version = 1", "version = 1\ninclude = [\"nowhere.toml\"]"),
    ("an include with a name", "version = 1", "version = 1\ninclude = [\"named.toml\"]"),
    ("an include that includes it", "version = 1", "version = 1\ninclude = [\"sub/circle.toml\"]"),
    ("an include with a fault", "version = 1", "version = 1\ninclude = [\"faulty.toml\"]"),
    (
        "two tables of limits",
        "gate_files = [\"g.toml\"]",
        "gate_files = [\"g.toml\"]\ninclude = [\"limits.toml\"]\n[limits]\nworkers = 3",
    ),
    ("a key of the store that stands for nothing", "", "[store]\nnamespace = \"n\"\nstatus = \"{agent}/status\""),
    ("not TOML", "name = \"base\"", "name = base\""),
];

const FILES: &[(&str, &str)] = &[
    ("bad.toml", "version = 1\n[[rule]]\nname = \"x\"\nmetrc = \"y\"\n"),
    ("h/g.toml", common::GATES),
    ("named.toml", "version = 1\nname = \"other\"\n"),
    ("sub/circle.toml", "version = 1\ninclude = [\"../p.toml\"]\n"),
    (
        "faulty.toml",
        "version = 1\n[[worker]]\nid = \"extra\"\nduration = \"1m\"\nbuiltin = \"wait\"\nneeds = [\"bteа\"]\ncolour = 5\n",
    ),
    ("limits.toml", "version = 1\n[limits]\nworkers = 2\n"),
];

fn messages(text: &str) -> String {
    match Plan::parse(text, "p.toml", &load(FILES)) {
        Ok(_) => "accepted\n".to_owned(),
        Err(error) => error.to_string() + "\n",
    }
}

#[test]
fn the_plan_that_the_cases_start_from_is_right() {
    assert_eq!(messages(BASE), "accepted\n");
}

#[test]
fn each_mistake_is_told_with_its_place_and_a_remedy() {
    assert!(CASES.len() >= 40);
    let mut all = String::new();
    for (name, from, to) in CASES {
        let text = if from.is_empty() {
            format!("{BASE}{to}\n")
        } else {
            assert!(BASE.contains(from), "{name}");
            BASE.replacen(from, to, 1)
        };
        let told = messages(&text);
        assert_ne!(told, "accepted\n", "{name}");
        _ = writeln!(all, "{name}\n{}", told.lines().fold(String::new(), |text, line| text + "  " + line + "\n"));
    }
    golden("malformed.txt", &all);
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = BASE
        .replace("gate_files = [\"g.toml\"]", "gate_files = [\"g.toml\"]\ncolour = 1")
        .replace("0x8004, 0x8005", "0x8004, 0x8009")
        .replace("needs = [\"alpha\"]", "needs = [\"alhpa\"]")
        .replace("load = 30", "load = 130")
        .replace("exit = \"open\"", "exit = \"opne\"")
        .replace("target = 6", "target = 60");
    let told = messages(&text);
    let wanted = [
        "colour",
        "0x8009 is quarantined",
        "130 is no such",
        "no worker, stage or phase alhpa",
        "can't reach its target",
        "no gate opne",
    ];
    let mut at = 0;
    for part in wanted {
        let found = told.find(part).unwrap_or_else(|| panic!("{part} is missing:\n{told}"));
        assert!(found >= at, "{part} is out of order:\n{told}");
        at = found;
    }
    assert_eq!(told.lines().count(), wanted.len(), "{told}");
}

#[test]
fn nothing_is_read_that_is_too_long_too_deep_or_no_text_of_a_person() {
    let long = "#".repeat(1 << 21);
    let nest = format!("version = {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [long.as_str(), nest.as_str(), "\u{0}", "[[[[", "= = =", "", "version = 1"] {
        assert_ne!(messages(text), "accepted\n");
    }
    // A chain of includes without end.
    let endless = |path: &str| {
        let number: usize = path.trim_end_matches(".toml").parse().unwrap_or(0);
        Ok(format!("version = 1\ninclude = [\"{}.toml\"]\n", number + 1))
    };
    let error = Plan::parse("version = 1\nname = \"p\"\ninclude = [\"1.toml\"]\n", "p.toml", &endless).unwrap_err();
    assert!(error.to_string().contains("the plan has more than 64 files"), "{error}");
}
