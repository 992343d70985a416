//! The ways in which a policy can be, and go wrong.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::stand::{Stand, give_to_nobody, set_mode};

/// What a policy makes of the ids that would be allowed without it.
pub(crate) enum Effect {
    DeniesEverything,
    DeniesAlso(&'static [u16]),
}

pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    /// Makes the policy and tells its path.
    pub(crate) make: fn(&Stand) -> PathBuf,
}

const fn denies_everything(name: &'static str, make: fn(&Stand) -> PathBuf) -> Variant {
    Variant { name, effect: Effect::DeniesEverything, make }
}

/// Usable ones.
pub(crate) const CONTENTS: &[Variant] = &[
    Variant {
        name: "adds nothing",
        effect: Effect::DeniesAlso(&[]),
        make: |stand| stand.write_policy("policy.toml", "version = 1\n"),
    },
    Variant {
        name: "adds an id and a range",
        effect: Effect::DeniesAlso(&[0x8031, 0x8040, 0x8041, 0x8042]),
        make: |stand| {
            let rules = "[[deny]]\nid = 0x8031\nreason = 'flaky'\n[[deny]]\nfirst = 0x8040\nlast = 0x8042\nreason = 'in use'\n";
            stand.write_policy("policy.toml", format!("version = 1\n{rules}"))
        },
    },
    Variant {
        name: "names the seven and some that are not served",
        effect: Effect::DeniesAlso(&[]),
        make: |stand| {
            let rules = "[[deny]]\nid = 0x8009\nreason = 'r'\n[[deny]]\nfirst = 0x8100\nlast = 0x8101\nreason = 'r'\n";
            stand.write_policy("policy.toml", format!("version = 1\n{rules}"))
        },
    },
];

/// Those that nobody can make sense of or trust.
pub(crate) const UNUSABLE: &[Variant] = &[
    denies_everything("missing", |stand| stand.path().join("policy.toml")),
    denies_everything("empty", |stand| stand.write_policy("policy.toml", "")),
    denies_everything("malformed", |stand| stand.write_policy("policy.toml", "version = 1\n[[deny]\n")),
    denies_everything("no text", |stand| stand.write_policy("policy.toml", b"version = 1\n# \xFF\xFE\n")),
    denies_everything("a directory", |stand| {
        let path = stand.path().join("policy.toml");
        fs::create_dir(&path).unwrap();
        path
    }),
    denies_everything("a symlink to nowhere", |stand| {
        let path = stand.path().join("policy.toml");
        symlink(stand.path().join("nowhere"), &path).unwrap();
        path
    }),
    denies_everything("a symlink to itself", |stand| {
        let path = stand.path().join("policy.toml");
        symlink(&path, &path).unwrap();
        path
    }),
    denies_everything("a pipe that nobody writes to", |stand| {
        let path = stand.path().join("policy.toml");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        path
    }),
    denies_everything("endless", |_| "/dev/zero".into()),
    denies_everything("writable by its group", |stand| with_mode(stand, 0o620)),
    denies_everything("writable by others", |stand| with_mode(stand, 0o602)),
    denies_everything("in a folder that everybody may write to", |stand| {
        let folder = stand.path().join("open");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o777);
        stand.write_policy("open/policy.toml", "version = 1\n")
    }),
];

/// Those that try to give the seven back.
pub(crate) const RELEASES: &[Variant] = &[
    denies_everything("allow", |stand| stand.write_policy("policy.toml", "version = 1\n[[allow]]\nid = 0x8009\nreason = 'r'\n")),
    denies_everything("release", |stand| stand.write_policy("policy.toml", "version = 1\nrelease = [0x8009, 0x800A]\n")),
    denies_everything("permanent", |stand| stand.write_policy("policy.toml", "version = 1\npermanent = []\n")),
    denies_everything("a rule that denies not", |stand| {
        stand.write_policy("policy.toml", "version = 1\n[[deny]]\nid = 0x8009\nreason = 'r'\nenabled = false\n")
    }),
    denies_everything("quarantine", |stand| stand.write_policy("policy.toml", "version = 1\n[quarantine]\nenabled = false\n")),
];

/// Needs root, who alone can give a file away.
pub(crate) const ANOTHER_USERS: Variant = denies_everything("another user's", |stand| {
    let path = with_mode(stand, 0o644);
    give_to_nobody(&path);
    path
});

/// For a user who isn't root.
pub(crate) const MODE_000: Variant = denies_everything("mode 0000", |stand| with_mode(stand, 0o000));

fn with_mode(stand: &Stand, mode: u32) -> PathBuf {
    let path = stand.write_policy("policy.toml", "version = 1\n");
    set_mode(&path, mode);
    path
}
