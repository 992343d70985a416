//! Every check of security, on real files with real owners and modes.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use common::{Fixture, NOW, chmod, expect, is_root, one, quick, samples, well};
use dsmil_audit::Log;
use dsmil_device::{BackendSpec, Isolations, RunDir, clear_stop, emergency_stop};
use dsmil_gate::Samples;
use dsmil_health::{Checks, Context, FileRule, FileType, Owner, ScoresConfig};
use nix::sys::stat::Mode;

/// Somebody who is neither root nor this user.
const STRANGER: u32 = 65_534;

#[test]
fn a_machine_in_order_passes_everything() {
    let scores = Fixture::new().run();
    assert!(scores.security.is_full(), "{}", scores.security);
}

#[test]
fn where_nothing_is_there_nothing_is_shown() {
    let samples = Samples::new();
    let scores = Checks::new(ScoresConfig::default()).unwrap().run(&Context::new(&samples, "/nonexistent/run"), NOW);
    assert!(scores.health.value.abs() < f64::EPSILON, "{}", scores.health);
    for name in ["rules-in-force", "audit-chain", "stop-readable", "device-node-mode", "run-directory-mode", "file-modes"] {
        expect(&one(&scores, name), "could-not-run", 0.0, "");
    }
}

#[test]
fn the_quarantine_is_proven_and_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let scratch = fixture.root.path().join("scratch");
    let log = dsmil_audit::verify(fixture.run.join("audit"), None).unwrap();
    // Neither a stop nor an isolation keeps it from being shown, or does its work.
    emergency_stop(&fixture.run, "smoke").unwrap();
    let result = fixture.check("quarantine-enforced");
    expect(&result, "passed", 1.0, "7 of 7 enforced");
    assert_eq!(result.evidence.values["enforced"], 7);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    let after = dsmil_audit::verify(fixture.run.join("audit"), None).unwrap();
    assert_eq!(after.records, log.records + 1, "the stop, and none of its fourteen denials");

    let left = scratch.join(".dsmil-self-check.1.1");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("control"), "x").unwrap();
    assert!(fixture.check("quarantine-enforced").has_passed() && left.exists(), "somebody's that runs now");
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
    fs::File::open(&left).unwrap().set_modified(hours_ago).unwrap();
    assert!(fixture.check("quarantine-enforced").has_passed() && !left.exists(), "what a killed program left");
}

#[test]
fn without_a_place_the_quarantine_is_not_proven() {
    let fixture = Fixture::new();
    let samples = samples(&well());
    let context = fixture.context(&samples).scratch("/nonexistent/scratch");
    let scores = Checks::new(ScoresConfig::default()).unwrap().run(&context, NOW);
    expect(&one(&scores, "quarantine-enforced"), "could-not-run", 0.0, "/nonexistent/scratch");
}

#[test]
fn an_open_device_with_older_rules_is_found() {
    let fixture = Fixture::new();
    let result = fixture.check("rules-in-force");
    expect(&result, "passed", 1.0, "all else that is denied");
    // The seven, one that the policy adds.
    assert_eq!(result.evidence.values["denied"], 8);
    Isolations::new(RunDir::open(&fixture.run).unwrap()).isolate("0x8042".parse().unwrap(), "odd", "me", None).unwrap();
    assert_eq!(fixture.check("rules-in-force").evidence.values["isolated"], 1);
    fs::write(&fixture.policy, "version = 1\n[[deny]]\nid = 0x8032\nreason = \"new\"\n").unwrap();
    expect(&fixture.check("rules-in-force"), "failed", 0.0, "would info 0x8032, which is denied");
    expect(&fixture.check("policy-verified"), "passed", 1.0, "1 rules of 1 files");
}

#[test]
fn rules_that_can_not_be_read_fail() {
    let fixture = Fixture::new();
    fs::write(&fixture.policy, "version = 1\nallow = [0x8009]\n").unwrap();
    expect(&fixture.check("policy-verified"), "failed", 0.0, "everything is denied");
    // The device was opened with the old one, which allows what is denied now.
    expect(&fixture.check("rules-in-force"), "failed", 0.0, "open the device anew");
    // The self-check still holds: what can't be read denies.
    expect(&fixture.check("quarantine-enforced"), "passed", 1.0, "7 of 7");
    fs::remove_file(&fixture.policy).unwrap();
    expect(&fixture.check("policy-verified"), "failed", 0.0, "there is no such file");
    expect(&fixture.check("policy-mode"), "could-not-run", 0.0, "is missing");
    fixture.device.close().unwrap();
    expect(&fixture.check("rules-in-force"), "could-not-run", 0.0, "closed");
}

#[test]
fn the_isolations_are_part_of_the_rules() {
    let fixture = Fixture::new();
    fs::write(fixture.run.join("isolations.db"), "this is no database at all, whatever its name may say").unwrap();
    chmod(&fixture.run.join("isolations.db"), 0o600);
    expect(&fixture.check("rules-in-force"), "failed", 0.0, "isolations.db");
}

#[test]
fn the_emergency_stop_can_be_read_pulled_or_not() {
    let fixture = Fixture::new();
    expect(&fixture.check("stop-readable"), "passed", 1.0, "not pulled");
    emergency_stop(&fixture.run, "smoke in rack 4").unwrap();
    let result = fixture.check("stop-readable");
    expect(&result, "passed", 1.0, "smoke in rack 4");
    assert_eq!(result.evidence.values["pulled"], true);
    clear_stop(&fixture.run, "cold again").unwrap();
    let page = fixture.run.join("control");
    fs::write(&page, "rubbish").unwrap();
    expect(&fixture.check("stop-readable"), "failed", 0.0, "not a control page");
    fs::remove_file(&page).unwrap();
    expect(&fixture.check("stop-readable"), "could-not-run", 0.0, "control");
    assert!(!page.exists(), "a check makes nothing");
    nix::unistd::mkfifo(&page, Mode::from_bits_truncate(0o600)).unwrap();
    expect(&fixture.check("stop-readable"), "failed", 0.0, "no regular file");
    fs::remove_file(&page).unwrap();
    symlink(&fixture.config, &page).unwrap();
    expect(&fixture.check("stop-readable"), "failed", 0.0, "control");
}

#[test]
fn every_mode_that_is_too_open_is_found() {
    let fixture = Fixture::new();
    let audit = fixture.run.join("audit");
    for (name, path, good, bad) in [
        ("run-directory-mode", fixture.run.clone(), [0o700, 0o2770], [0o707, 0o2777]),
        ("run-directory-mode", fixture.run.join("control"), [0o600, 0o660], [0o606, 0o664]),
        ("run-directory-mode", audit.clone(), [0o750, 0o2770], [0o755, 0o777]),
        ("run-directory-mode", audit.join("audit.jsonl"), [0o640, 0o660], [0o662, 0o644]),
        ("policy-mode", fixture.policy.clone(), [0o644, 0o400], [0o664, 0o646]),
        ("file-modes", fixture.config.clone(), [0o644, 0o600], [0o664, 0o646]),
        ("file-modes", fixture.key.clone(), [0o600, 0o400], [0o640, 0o604]),
        ("file-modes", fixture.state.clone(), [0o755, 0o700], [0o775, 0o777]),
    ] {
        for mode in good {
            chmod(&path, mode);
            assert!(fixture.check(name).has_passed(), "{mode:o}: {}", fixture.check(name));
        }
        for mode in bad {
            chmod(&path, mode);
            let result = fixture.check(name);
            assert!(!result.has_passed() && result.share < 1.0, "{mode:o}: {result}");
            assert!(result.evidence.text.contains(&path.display().to_string()), "{result}");
            assert!(result.evidence.text.contains("chmod"), "{result}");
        }
        chmod(&path, good[0]);
    }
    chmod(&fixture.key, 0o644);
    expect(&fixture.check("file-modes"), "failed", 2.0 / 3.0, "2 of 3 are as they must be");
}

/// The outcome of one rule.
fn judged(fixture: &Fixture, rule: FileRule) -> dsmil_health::CheckResult {
    let samples = Samples::new();
    let context = Context::new(&samples, &fixture.run).file(rule);
    one(&Checks::new(ScoresConfig::default()).unwrap().run(&context, NOW), "file-modes")
}

#[test]
fn a_strangers_file_is_found() {
    let fixture = Fixture::new();
    let of = |owner| FileRule { owner, ..FileRule::readable(&fixture.config) };
    expect(&judged(&fixture, of(Owner::Myself)), "passed", 1.0, "1 of 1");
    if !is_root() {
        let of_root = FileRule { owner: Owner::Myself, ..FileRule::readable("/etc/passwd") };
        expect(&judged(&fixture, of_root), "failed", 0.0, "belongs to user 0");
        eprintln!("not root: files of strangers can't be made");
        return;
    }
    chown(&fixture.config, Some(STRANGER), None).unwrap();
    for owner in [Owner::RootOrSelf, Owner::Root, Owner::Myself, Owner::User("1234567".to_owned()), Owner::FolderGroup] {
        expect(&judged(&fixture, of(owner)), "failed", 0.0, "belongs to user 65534");
    }
    for name in ["65534", "nobody"] {
        expect(&judged(&fixture, of(Owner::User(name.to_owned()))), "passed", 1.0, "1 of 1");
    }
    chown(&fixture.config, Some(0), None).unwrap();
    // A folder that is a stranger's lets him replace the file.
    let folder = fixture.root.path().join("theirs");
    fs::create_dir(&folder).unwrap();
    chmod(&folder, 0o755);
    fs::rename(&fixture.config, folder.join("c")).unwrap();
    expect(&judged(&fixture, FileRule::readable(folder.join("c"))), "passed", 1.0, "1 of 1");
    chown(&folder, Some(STRANGER), None).unwrap();
    expect(&judged(&fixture, FileRule::readable(folder.join("c"))), "failed", 0.0, "its folder");
}

#[test]
fn what_the_members_of_a_group_share_may_be_any_members() {
    let fixture = Fixture::new();
    if !is_root() {
        eprintln!("not root: a member's files can't be made");
        return;
    }
    chmod(&fixture.run, 0o2770);
    chown(&fixture.run, None, Some(4242)).unwrap();
    let page = fixture.run.join("control");
    chown(&page, Some(STRANGER), Some(4242)).unwrap();
    chmod(&page, 0o660);
    assert!(fixture.check("run-directory-mode").has_passed(), "{}", fixture.check("run-directory-mode"));
    chown(&page, Some(STRANGER), Some(4243)).unwrap();
    expect(&fixture.check("run-directory-mode"), "failed", 5.0 / 6.0, "belongs to user 65534");
    chown(&page, Some(STRANGER), Some(4242)).unwrap();
    chmod(&fixture.run, 0o2775);
    assert!(fixture.check("run-directory-mode").has_passed());
    chown(&fixture.run, Some(STRANGER), None).unwrap();
    assert!(!fixture.check("run-directory-mode").has_passed());
}

#[test]
fn what_could_be_put_in_the_place_of_a_file_is_found() {
    let fixture = Fixture::new();
    let open = fixture.root.path().join("open");
    let inner = open.join("inner");
    fs::create_dir_all(&inner).unwrap();
    let file = inner.join("plan.toml");
    fs::write(&file, "").unwrap();
    for (mode, fine) in [(0o755, true), (0o1777, true), (0o775, true), (0o777, false)] {
        chmod(&open, mode);
        assert_eq!(judged(&fixture, FileRule::readable(&file)).has_passed(), fine, "{mode:o}");
    }
    // The folder of what a link leads to counts, and so does the folder of the link.
    let link = fixture.root.path().join("link.toml");
    symlink(&file, &link).unwrap();
    expect(&judged(&fixture, FileRule::readable(&link)), "failed", 0.0, "may be written to by everybody (mode 0777)");
    chmod(&open, 0o755);
    expect(&judged(&fixture, FileRule::readable(&link)), "passed", 1.0, "1 of 1");
    let inward = inner.join("back.toml");
    symlink(&fixture.config, &inward).unwrap();
    chmod(&inner, 0o777);
    expect(&judged(&fixture, FileRule::readable(&inward)), "failed", 0.0, "inner may be written to by everybody");
}

#[test]
fn oddities_are_judged_and_hold_nobody_up() {
    let fixture = Fixture::new();
    let within = |name: &str| fixture.root.path().join(name);
    nix::unistd::mkfifo(&within("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    expect(&judged(&fixture, FileRule::readable(within("fifo"))), "failed", 0.0, "is not a regular file");
    symlink("/nonexistent/away", within("dangling")).unwrap();
    expect(&judged(&fixture, FileRule::readable(within("dangling"))), "could-not-run", 0.0, "a link that leads nowhere");
    expect(&judged(&fixture, FileRule::readable(within("dangling")).optional()), "could-not-run", 0.0, "leads nowhere");
    symlink(within("loop"), within("loop")).unwrap();
    expect(&judged(&fixture, FileRule::readable(within("loop"))), "could-not-run", 0.0, "can't be looked at");
    expect(&judged(&fixture, FileRule::readable(within("gone"))), "could-not-run", 0.0, "is missing");
    expect(&judged(&fixture, FileRule::readable(within("gone")).optional()), "passed", 1.0, "0 of 0");
    expect(&judged(&fixture, FileRule::directory(&fixture.config)), "failed", 0.0, "is not a directory");
    expect(&judged(&fixture, FileRule::readable(&fixture.state)), "failed", 0.0, "is not a regular file");
    let huge = within("huge");
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    chmod(&huge, 0o600);
    expect(&judged(&fixture, FileRule::secret(&huge)), "passed", 1.0, "1 of 1");
    // Kinds of file that lie about themselves: never opened, so never waited for.
    for path in ["/proc/self/mem", "/proc/kmsg", "/dev/null", "/proc/self/fd/0", "/proc/version"] {
        assert!(judged(&fixture, FileRule { file_type: FileType::Device, ..FileRule::readable(path) }).took_ms < 1000.0);
    }
    let long = format!("/{}", "x".repeat(5000));
    expect(&judged(&fixture, FileRule::readable(long)), "could-not-run", 0.0, "can't be looked at");
}

#[test]
fn the_node_is_the_devices_own() {
    let fixture = Fixture::new();
    expect(&fixture.check("device-node-mode"), "passed", 1.0, "sim:seed=7 lives in this process");
    let node = fixture.root.path().join("dsmil-72dev");
    fs::write(&node, "").unwrap();
    let spec = |text: String| text.parse::<BackendSpec>().unwrap();
    let run = |spec: &BackendSpec| {
        let samples = Samples::new();
        let context = Context::new(&samples, &fixture.run).device(spec, Err("not asked".to_owned()));
        one(&Checks::new(ScoresConfig::default()).unwrap().run(&context, NOW), "device-node-mode")
    };
    let plain = spec(node.display().to_string());
    for (mode, fine) in [(0o660, true), (0o600, true), (0o664, false), (0o666, false)] {
        chmod(&node, mode);
        assert_eq!(run(&plain).has_passed(), fine, "{mode:o}");
        assert_eq!(run(&spec(format!("record:trace.jsonl,{}", node.display()))).has_passed(), fine);
    }
    fs::remove_file(&node).unwrap();
    expect(&run(&plain), "could-not-run", 0.0, "is missing");
    fs::create_dir(&node).unwrap();
    expect(&run(&plain), "failed", 0.0, "is not a device");
    let null = run(&spec("/dev/null".to_owned()));
    assert!(!null.has_passed(), "a character device that everybody may use: {null}");
}

#[test]
fn a_relative_policy_is_found_where_the_program_is() {
    let fixture = Fixture::new();
    let samples = samples(&well());
    let context = fixture.context(&samples).policy(Some(Path::new("no-such-policy.toml")));
    let scores = Checks::new(ScoresConfig::default()).unwrap().run(&context, NOW);
    expect(&one(&scores, "policy-mode"), "could-not-run", 0.0, "/no-such-policy.toml is missing");
}

#[test]
fn a_log_is_begun_with_the_first_record() {
    let fixture = Fixture::new();
    fs::remove_dir_all(fixture.run.join("audit")).unwrap();
    expect(&fixture.check("audit-chain"), "could-not-run", 0.0, "either nothing was ever recorded, or it was removed");
    common::fill(&Log::open(fixture.run.join("audit"), quick()).unwrap(), 1);
    expect(&fixture.check("audit-chain"), "passed", 1.0, "all 1 records");
}
