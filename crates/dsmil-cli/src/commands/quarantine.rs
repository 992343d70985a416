//! `dsmil quarantine`.

use std::time::Duration;

use clap::{Args, Subcommand};
use dsmil::{DeviceId, Operation, PERMANENT, SelfCheck, SelfCheckEntry};
use serde_json::{Value, json};

use crate::context::{Context, now_ms};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{denied_fields, isolation as isolation_json};
use crate::output::{Answer, would};
use crate::table::{Cell, Page, Side, Table, Tone};
use crate::text::{moment, parse_duration, user};

/// Show and change who may not be touched
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List what is denied: the seven, the policies' rules, the isolations
    List,
    Check(Check),
    Isolate(Isolate),
    Release(Release),
    /// Prove on a simulated device that none of the seven can be reached
    SelfCheck,
}

impl Quarantine {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        match self {
            Self::List => Ok(list(context)),
            Self::Check(check) => Ok(check.execute(context)),
            Self::Isolate(isolate) => isolate.execute(context),
            Self::Release(release) => release.execute(context),
            Self::SelfCheck => self_check(context),
        }
    }
}

fn list(context: &Context) -> Answer {
    let quarantine = context.quarantine();
    let mut table = Table::new([("ids", Side::Left), ("by", Side::Left), ("reason", Side::Left)]);
    for permanent in PERMANENT {
        table.row([permanent.id.into(), Cell::new("for ever", Tone::Bad), permanent.what.into()]);
    }
    for rule in quarantine.rules() {
        let ids = if rule.first == rule.last { rule.first.to_string() } else { format!("{}-{}", rule.first, rule.last) };
        let by = Cell::new(format!("{} line {}", rule.file, rule.line), Tone::Warn);
        table.row([ids.into(), by, rule.reason.as_str().into()]);
    }
    for isolation in quarantine.isolations() {
        let until = isolation.until_ms.map_or_else(|| "released".to_owned(), moment);
        let by = Cell::new(format!("{} until {until}", isolation.author), Tone::Warn);
        table.row([isolation.id.into(), by, isolation.reason.as_str().into()]);
    }
    let mut page = Page::new();
    page.table(table);
    if let Some(error) = quarantine.unusable() {
        page.line([Cell::new(format!("everything is denied: {error}"), Tone::Bad)]);
    }
    let rules = quarantine.rules().iter().map(|rule| {
        json!({
            "file": rule.file, "line": rule.line, "index": rule.index,
            "first": rule.first.to_string(), "last": rule.last.to_string(), "reason": rule.reason,
        })
    });
    let document = json!({
        "permanent": PERMANENT.iter().map(|each| json!({ "id": each.id.to_string(), "what": each.what })).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
        "isolations": quarantine.isolations().iter().map(isolation_json).collect::<Vec<_>>(),
        "unusable": quarantine.unusable().map(ToString::to_string),
    });
    Answer::new(document, page)
}

/// Tell whether a device may be touched; exit status 3 if not
///
/// A question, not an attempt: the device isn't asked, and nothing goes into the audit log.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The device, such as 0x8003 or 32771
    id: DeviceId,
}

impl Check {
    fn execute(&self, context: &Context) -> Answer {
        let quarantine = context.quarantine();
        let mut page = Page::new();
        let mut operations = Vec::new();
        let mut allowed = true;
        for operation in Operation::ALL {
            let denied = quarantine.clear(self.id, operation, now_ms()).err();
            allowed &= denied.is_none();
            let fields = denied.as_ref().map(|denied| denied_fields(denied));
            operations.push(json!({
                "operation": operation.name(),
                "allowed": denied.is_none(),
                "rule": fields.as_ref().map(|fields| &fields.0),
                "explicit": fields.as_ref().map(|fields| fields.1),
                "reason": denied.as_ref().map(|denied| denied.grounds.to_string()),
            }));
            page.line([match denied {
                None => Cell::new(format!("{operation} of {} is allowed", self.id), Tone::Good),
                Some(denied) => Cell::new(denied, Tone::Bad),
            }]);
        }
        let document = json!({ "id": self.id.to_string(), "allowed": allowed, "operations": operations });
        Answer::new(document, page).with_exit(if allowed { Exit::Done } else { Exit::Denied })
    }
}

/// Take a device out of use
#[derive(Debug, Args)]
pub(crate) struct Isolate {
    /// The device, such as 0x8003 or 32771
    id: DeviceId,

    /// Why
    #[arg(long)]
    reason: String,

    /// For how long; otherwise until it is released
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Who decided it [default: this user]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

impl Isolate {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let isolations = context.isolations()?;
        if context.is_dry_run() {
            return Ok(would(&format!("isolate {}", self.id), json!({ "id": self.id.to_string(), "reason": self.reason })));
        }
        let author = self.author.clone().unwrap_or_else(user);
        let isolation = isolations.isolate(self.id, &self.reason, &author, self.duration)?;
        let until = isolation.until_ms.map_or_else(|| "it is released".to_owned(), moment);
        Ok(Answer::new(isolation_json(&isolation), Page::of(format!("{} is isolated until {until}", self.id))))
    }
}

/// Put an isolated device back into use; the seven can't be released
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The device, such as 0x8003 or 32771
    id: DeviceId,

    /// Who decided it [default: this user]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

impl Release {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let isolations = context.isolations()?;
        // The seven are refused, and that is recorded, in a dry run too.
        if context.is_dry_run() && !self.id.is_permanent() {
            return Ok(would(&format!("release {}", self.id), json!({ "id": self.id.to_string() })));
        }
        let author = self.author.clone().unwrap_or_else(user);
        let released = isolations.release(self.id, &author)?;
        let document = json!({
            "id": self.id.to_string(),
            "released": released.is_some(),
            "isolation": released.as_ref().map(isolation_json),
        });
        let line = match released {
            Some(isolation) => {
                format!("{} is back in use; it was isolated by {}: {}", self.id, isolation.author, isolation.reason)
            }
            None => format!("{} was not isolated", self.id),
        };
        Ok(Answer::new(document, Page::of(line)))
    }
}

fn self_check(context: &Context) -> Result<Answer, Failure> {
    let check = SelfCheck::run(context.options())?;
    let mut table = Table::new([
        ("id", Side::Left),
        ("what it does", Side::Left),
        ("denied", Side::Left),
        ("accesses", Side::Right),
        ("control", Side::Right),
    ]);
    for entry in &check.entries {
        let denied = if entry.denied { Cell::new("yes", Tone::Good) } else { Cell::new("no", Tone::Bad) };
        table.row([entry.id.into(), entry.what.into(), denied, entry.accesses.into(), entry.control.into()]);
    }
    let (enforced, of) = (check.enforced(), check.entries.len());
    let mut page = Page::new();
    page.table(table);
    let tone = if check.is_ok() { Tone::Good } else { Tone::Bad };
    page.line([Cell::new(format!("{enforced} of {of} enforced"), tone)]);
    let entries: Vec<Value> = check.entries.iter().map(entry_json).collect();
    let document = json!({ "ok": check.is_ok(), "enforced": enforced, "of": of, "entries": entries });
    Ok(Answer::new(document, page).with_exit(if check.is_ok() { Exit::Done } else { Exit::Failed }))
}

fn entry_json(entry: &SelfCheckEntry) -> Value {
    json!({
        "id": entry.id.to_string(), "what": entry.what, "denied": entry.denied,
        "accesses": entry.accesses, "control": entry.control, "enforced": entry.is_enforced(),
    })
}
