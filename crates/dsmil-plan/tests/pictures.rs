//! The pictures are well-formed, keep to themselves, and can't be broken out of.

#![allow(clippy::unwrap_used)]

mod common;

use common::{NAMES, example, plan};
use dsmil_plan::{Mode, Plan};

/// The elements of an XML text, or what is wrong with it: tags in pairs, attributes in quotation marks, no stray `<` or `&`.
fn elements(xml: &str) -> Result<Vec<String>, String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        text(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("a tag has no end")? + start;
        let tag = &rest[start + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            let last: String = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
            if last != name {
                return Err(format!("</{name}> closes <{last}>"));
            }
        } else {
            let (tag, is_whole) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let name = tag.split_whitespace().next().ok_or("an empty tag")?;
            attributes(tag[name.len()..].trim())?;
            all.push(name.to_owned());
            if !is_whole {
                open.push(name.to_owned());
            }
        }
        rest = &rest[end + 1..];
    }
    text(rest)?;
    if open.is_empty() { Ok(all) } else { Err(format!("{open:?} stay open")) }
}

fn text(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("a control character in {text:?}"));
    }
    for part in text.split('&').skip(1) {
        let name = part.split(';').next().unwrap();
        if !["amp", "lt", "gt", "quot", "#39"].contains(&name) {
            return Err(format!("&{name} is nothing"));
        }
    }
    Ok(())
}

fn attributes(mut rest: &str) -> Result<(), String> {
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no attribute: {rest}"))?;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == ':') {
            return Err(format!("no name: {name}"));
        }
        let (value, next) = after.split_once('"').ok_or("an attribute has no end")?;
        text(value)?;
        rest = next.trim_start();
    }
    Ok(())
}

#[test]
fn the_check_finds_what_is_not_well_formed() {
    for wrong in ["<a>", "<a></b>", "<a x=1/>", "<a>&x;</a>", "</a>", "<a x=\"&y;\"/>", "<a>\u{1}</a>"] {
        assert!(elements(wrong).is_err(), "{wrong}");
    }
    assert_eq!(elements("<a x=\"1\"><b/>&amp;</a>"), Ok(vec!["a".to_owned(), "b".to_owned()]));
}

fn pictures(plan: &Plan) -> [String; 3] {
    let random = plan.simulation().timeline(Mode::Dynamic, 1).gantt_svg();
    [plan.graph().to_svg(), plan.timeline(Mode::Dynamic).gantt_svg(), random]
}

#[test]
fn the_pictures_of_the_examples_are_well_formed_and_need_nothing_from_elsewhere() {
    for name in NAMES {
        let plan = example(name);
        for svg in pictures(&plan) {
            let elements = elements(&svg).unwrap_or_else(|what| panic!("{name}: {what}\n{svg}"));
            assert_eq!(elements[0], "svg");
            for forbidden in ["script", "image", "foreignObject", "a", "use"] {
                assert!(!elements.iter().any(|element| element == forbidden));
            }
            assert_eq!(svg.matches("http").count(), 1, "nothing but the namespace");
        }
        // Every step is in the picture.
        let svg = plan.graph().to_svg();
        for worker in plan.workers() {
            assert!(svg.contains(worker.id.as_str()), "{name}: {}", worker.id);
        }
    }
}

#[test]
fn nothing_from_a_plan_breaks_out_of_a_picture() {
    let evil = r#"title = "</title><script>alert(1)</script>&\u0001"
[[worker]]
id = "a"
team = "\"/><script>"
role = "\u001b[31m"
duration = "1h"
builtin = "wait"
"#;
    let text = format!("version = 1\nname = \"p\"\n{evil}");
    let plan = common::parse(&text).unwrap();
    for svg in pictures(&plan) {
        let elements = elements(&svg).unwrap();
        assert!(!elements.iter().any(|element| element == "script"));
    }
    let texts = [plan.graph().show(), plan.timeline(Mode::Dynamic).gantt_text(80), plan.graph().to_dot()];
    assert!(texts.iter().all(|text| text.chars().all(|c| c == '\n' || !c.is_control())));
    assert_eq!(plan.graph().to_dot().matches('"').count() % 2, 0);
}

#[test]
fn boxes_of_a_layout_never_touch() {
    for name in NAMES {
        let svg = example(name).graph().to_svg();
        let number = |line: &str, key: &str| -> i64 {
            line.split_once(&format!(" {key}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
        };
        let boxes: Vec<(i64, i64)> =
            svg.lines().filter(|line| line.starts_with("<rect x=")).map(|line| (number(line, "x"), number(line, "y"))).collect();
        assert!(!boxes.is_empty());
        for (at, one) in boxes.iter().enumerate() {
            for other in &boxes[at + 1..] {
                assert!((one.0 - other.0).abs() >= 210 || (one.1 - other.1).abs() >= 46, "{name}: {one:?} {other:?}");
            }
        }
    }
}

#[test]
fn a_timeline_as_text_keeps_to_its_width() {
    for name in NAMES {
        for width in [40, 60, 80, 120, 200] {
            let text = example(name).timeline(Mode::Dynamic).gantt_text(width);
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width, "{name}: {longest} of {width}\n{text}");
        }
    }
    let short = plan("[[worker]]\nid = \"a\"\nduration = \"1ms\"\nbuiltin = \"wait\"\n").timeline(Mode::Dynamic);
    assert!(short.gantt_text(0).contains('▓'));
}
