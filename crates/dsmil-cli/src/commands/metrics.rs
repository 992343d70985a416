//! `dsmil metrics`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use dsmil::gate::Labels;
use dsmil::history::{Query, Resolution};
use dsmil::monitor::{Stored, about_metric};
use serde_json::json;

use crate::commands::monitor::Setup;
use crate::context::now_ms;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table};
use crate::text::{moment, parse_duration};

/// See what was measured
#[derive(Debug, Args)]
pub(crate) struct Metrics {
    #[command(flatten)]
    setup: Setup,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The series that the store knows
    List {
        /// Of this metric only
        metric: Option<String>,
    },
    /// The values of a metric over a time
    Query {
        /// The metric
        metric: String,
        /// Series with this label only: name=value; may be given more than once
        #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
        labels: Vec<(String, String)>,
        /// How far back, such as 6h
        #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
        last: Duration,
        /// How fine
        #[arg(long, value_enum, default_value_t = Fineness::Auto)]
        resolution: Fineness,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fineness {
    /// What suits the time.
    Auto,
    /// Every sample.
    Raw,
    /// A point a minute.
    Minute,
    /// A point an hour.
    Hour,
}

impl Metrics {
    pub(crate) fn execute(&self) -> Result<Answer, Failure> {
        let stored = Stored::open(&self.setup.state_dir()?)?;
        match &self.what {
            What::List { metric } => list(&stored, metric.as_deref()),
            What::Query { metric, labels, last, resolution } => {
                let to = i64::try_from(now_ms()).unwrap_or(i64::MAX);
                let mut query = Query::new(metric.clone(), to.saturating_sub(last.as_millis() as i64), to);
                query.labels = labels.iter().cloned().collect::<Labels>();
                query.resolution = match resolution {
                    Fineness::Auto => Resolution::Auto,
                    Fineness::Raw => Resolution::Raw,
                    Fineness::Minute => Resolution::Minute,
                    Fineness::Hour => Resolution::Hour,
                };
                answer(&stored, &query)
            }
        }
    }
}

fn list(stored: &Stored, metric: Option<&str>) -> Result<Answer, Failure> {
    let series = stored.reader().series(metric).map_err(dsmil::monitor::MonitorError::from)?;
    let mut table = Table::new([("series", Side::Left), ("newest", Side::Left), ("what", Side::Left)]);
    for series in &series {
        let about = about_metric(&series.metric).map_or("from a source", |about| about.help);
        table.row([
            format!("{}{}", series.metric, series.labels).into(),
            moment(series.last.unsigned_abs()).into(),
            about.into(),
        ]);
    }
    let mut page = Page::new();
    page.table(table);
    page.line([format!("{} series", series.len()).into()]);
    Ok(Answer::new(json!({ "series": series }), page))
}

fn answer(stored: &Stored, query: &Query) -> Result<Answer, Failure> {
    let found = stored.reader().query(query).map_err(dsmil::monitor::MonitorError::from)?;
    let mut page = Page::new();
    for series in &found {
        page.line([format!("{}{}", series.metric, series.labels).into()]);
        let right = Side::Right;
        let mut table = Table::new([("at", Side::Left), ("value", right), ("min", right), ("max", right), ("samples", right)]);
        for point in &series.points {
            let of = |pick: fn(&dsmil::history::Rollup) -> String| point.rollup.as_ref().map(pick).unwrap_or_default();
            table.row([
                moment(point.at.unsigned_abs()).into(),
                Cell::plain(point.value),
                of(|rollup| rollup.min.to_string()).into(),
                of(|rollup| rollup.max.to_string()).into(),
                of(|rollup| rollup.count.to_string()).into(),
            ]);
        }
        page.table(table);
    }
    if found.is_empty() {
        page.line(["nothing was measured in that time".into()]);
    }
    Ok(Answer::new(json!({ "series": found }), page))
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value, such as device=0x8003")?;
    Ok((name.to_owned(), value.trim_matches('"').to_owned()))
}
