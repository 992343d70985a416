//! The order as a graph of events: each node starts and ends, and each edge says what comes after what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::{File, On};
use crate::net::{Net, Node, Origin, What, awaited};

/// Starts and ends, and what comes after each.
pub(crate) struct Events {
    after: Vec<Vec<usize>>,
    /// The earliest time of a start that waits for nothing but the clock.
    not_before: BTreeMap<usize, i64>,
}

/// Which of the plan's times are reckoned with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Longest {
    /// The likely ones, with everything that is expected to run.
    Likely,
    /// The shortest possible ones, with only what runs in any case.
    Shortest,
}

/// The earliest time of each event, and of the end of it all.
pub(crate) struct Times {
    pub(crate) earliest: Vec<i64>,
    /// For each event, the one that it waits for last.
    pub(crate) because: Vec<Option<usize>>,
    /// The latest time of each event at which the end is not put off.
    pub(crate) latest: Vec<i64>,
    pub(crate) end: i64,
    /// Whether a node is reckoned with at all.
    pub(crate) expected: Vec<bool>,
}

impl Events {
    pub(crate) const fn start(node: usize) -> usize {
        2 * node
    }

    pub(crate) const fn end(node: usize) -> usize {
        2 * node + 1
    }

    pub(crate) fn of(net: &Net, file: &File) -> Self {
        let mut events = Self { after: vec![Vec::new(); 2 * net.nodes.len()], not_before: BTreeMap::new() };
        for (at, node) in net.nodes.iter().enumerate() {
            events.add(Self::start(at), Self::end(at));
            node.needs.iter().for_each(|other| events.add(Self::end(*other), Self::start(at)));
            node.alongside.iter().chain(&node.phase).for_each(|other| events.add(Self::start(*other), Self::start(at)));
            node.until.iter().chain(&node.members).for_each(|other| events.add(Self::end(*other), Self::end(at)));
            if let Origin::Fallback(original) = node.origin {
                events.add(Self::end(original), Self::start(at));
            }
        }
        for trigger in &file.trigger {
            for node in net.all(&trigger.start) {
                net.all(awaited(&trigger.on)).into_iter().for_each(|other| events.add(Self::end(other), Self::start(node)));
                if let On::Time(time) = &trigger.on {
                    events.not_before.insert(Self::start(node), time.as_millis());
                }
            }
        }
        events
    }

    fn add(&mut self, from: usize, to: usize) {
        if !self.after[from].contains(&to) {
            self.after[from].push(to);
        }
    }

    /// Everything that comes after an event.
    pub(crate) fn all_after(&self, from: usize) -> Vec<bool> {
        let mut found = vec![false; self.after.len()];
        let mut open = vec![from];
        while let Some(event) = open.pop() {
            for next in &self.after[event] {
                if !std::mem::replace(&mut found[*next], true) {
                    open.push(*next);
                }
            }
        }
        found
    }

    /// Everything that comes before an event.
    pub(crate) fn all_before(&self, to: usize) -> Vec<bool> {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.after.len()];
        for (from, next) in self.after.iter().enumerate() {
            for event in next {
                before[*event].push(from);
            }
        }
        Self { after: before, not_before: BTreeMap::new() }.all_after(to)
    }

    /// Whether one event always comes before another.
    pub(crate) fn leads(&self, from: usize, to: usize) -> bool {
        self.all_after(from)[to]
    }

    /// A shortest circle of each knot, as nodes each of which waits for the next.
    pub(crate) fn circles(&self) -> Vec<Vec<usize>> {
        let mut circles = Vec::new();
        let mut told: BTreeSet<usize> = BTreeSet::new();
        let on_circle = self.knots();
        for event in 0..self.after.len() {
            if !on_circle[event] || told.contains(&event) {
                continue;
            }
            let path = self.shortest_circle(event);
            // Of a knot one circle is told: what is tied to it comes free, or is told the next time.
            let knot = self.all_after(event);
            told.extend((0..self.after.len()).filter(|other| knot[*other] && on_circle[*other] && self.leads(*other, event)));
            let mut nodes: Vec<usize> = path.iter().rev().map(|event| event / 2).collect();
            nodes.dedup();
            if nodes.len() > 1 && nodes.first() == nodes.last() {
                nodes.pop();
            }
            let first = nodes.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
            nodes.rotate_left(first);
            circles.push(nodes);
        }
        circles
    }

    /// What is left when everything that waits for nothing is taken away, from both ends.
    fn knots(&self) -> Vec<bool> {
        let mut left = vec![true; self.after.len()];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.after.len()];
        for (from, next) in self.after.iter().enumerate() {
            for to in next {
                before[*to].push(from);
            }
        }
        for (edges, others) in [(&self.after, &before), (&before, &self.after)] {
            let mut count: Vec<usize> = others.iter().map(|list| list.iter().filter(|event| left[**event]).count()).collect();
            let mut open: Vec<usize> = (0..left.len()).filter(|event| left[*event] && count[*event] == 0).collect();
            while let Some(event) = open.pop() {
                left[event] = false;
                for next in edges[event].iter().filter(|next| left[**next]) {
                    count[*next] -= 1;
                    if count[*next] == 0 {
                        open.push(*next);
                    }
                }
            }
        }
        // What merely leads from one circle to another is on none.
        let found: Vec<usize> = (0..left.len()).filter(|event| left[*event]).collect();
        for event in found {
            left[event] = self.leads(event, event);
        }
        left
    }

    fn shortest_circle(&self, from: usize) -> Vec<usize> {
        let mut came: Vec<Option<usize>> = vec![None; self.after.len()];
        let mut open = VecDeque::from([from]);
        while let Some(event) = open.pop_front() {
            for next in &self.after[event] {
                if *next == from {
                    let mut path = vec![event];
                    while let Some(before) = came[path[path.len() - 1]] {
                        path.push(before);
                    }
                    path.reverse();
                    return path;
                }
                if came[*next].is_none() {
                    came[*next] = Some(event);
                    open.push_back(*next);
                }
            }
        }
        vec![from]
    }

    /// The events in an order in which each comes after what it waits for; of two that could be next the one of the plan's
    /// earlier node comes first.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut count = vec![0usize; self.after.len()];
        self.after.iter().flatten().for_each(|to| count[*to] += 1);
        let mut open: BTreeSet<usize> = (0..count.len()).filter(|event| count[*event] == 0).collect();
        let mut order = Vec::with_capacity(count.len());
        while let Some(event) = open.pop_first() {
            order.push(event);
            for next in &self.after[event] {
                count[*next] -= 1;
                if count[*next] == 0 {
                    open.insert(*next);
                }
            }
        }
        order
    }

    /// The longest way to each event, and from it. The graph must have no circle.
    pub(crate) fn longest(&self, net: &Net, file: &File, which: Longest) -> Times {
        let expected: Vec<bool> = (0..net.nodes.len()).map(|node| is_expected(net, file, node, which)).collect();
        let works: Vec<i64> = (0..net.nodes.len()).map(|node| work(net, file, node, which)).collect();
        let order = self.order();
        let mut times = Times {
            earliest: vec![0; self.after.len()],
            because: vec![None; self.after.len()],
            latest: Vec::new(),
            end: 0,
            expected,
        };
        let weight = |from: usize, to: usize| if from.is_multiple_of(2) && to == from + 1 { works[from / 2] } else { 0 };
        for event in order.iter().copied().filter(|event| times.expected[event / 2]).collect::<Vec<_>>() {
            if let Some(time) = self.not_before.get(&event).filter(|time| **time > times.earliest[event]) {
                times.earliest[event] = *time;
                times.because[event] = None;
            }
            for next in self.after[event].iter().copied().filter(|next| times.expected[next / 2]) {
                let reached = times.earliest[event].saturating_add(weight(event, next));
                // Of two that end at the same time, one with work of its own says more than a phase.
                let says_more = |by: Option<usize>| by.is_some_and(|by| !net.nodes[by / 2].is_background);
                let later = reached > times.earliest[next];
                let same = reached == times.earliest[next] && says_more(Some(event)) && !says_more(times.because[next]);
                if later || same || times.because[next].is_none() && reached >= times.earliest[next] {
                    times.earliest[next] = reached;
                    times.because[next] = Some(event);
                }
            }
            times.end = times.end.max(times.earliest[event]);
        }
        times.latest = vec![times.end; self.after.len()];
        for event in order.iter().rev().copied().filter(|event| times.expected[event / 2]) {
            for next in self.after[event].iter().copied().filter(|next| times.expected[next / 2]) {
                times.latest[event] = times.latest[event].min(times.latest[next] - weight(event, next));
            }
        }
        times
    }
}

/// Whether a node runs when nothing goes wrong.
fn is_expected(net: &Net, file: &File, node: usize, which: Longest) -> bool {
    let own: &Node = &net.nodes[node];
    match own.origin {
        Origin::Plan => true,
        Origin::Trigger if which == Longest::Likely => file
            .trigger
            .iter()
            .any(|trigger| matches!(trigger.on, On::Completed(_) | On::Time(_)) && trigger.start.contains(&own.name)),
        Origin::Trigger | Origin::Fallback(_) | Origin::Rollback => false,
    }
}

fn work(net: &Net, file: &File, node: usize, which: Longest) -> i64 {
    let own = &net.nodes[node];
    if own.is_background {
        return 0;
    }
    if which == Longest::Likely {
        return own.estimate.likely;
    }
    let What::Worker(_) = own.what else { return own.estimate.shortest };
    // With all its helpers beside it from the beginning it can't be faster than this.
    let help: u64 =
        (0..net.nodes.len()).filter_map(|other| boost(net, file, other)).filter(|(to, _)| *to == node).map(|(_, by)| by).sum();
    let pace = 1_000_000 + i128::from(help);
    i64::try_from(i128::from(own.estimate.shortest) * 1_000_000 / pace).unwrap_or(0)
}

/// Whom a node helps, and by how many millionths of its pace.
pub(crate) fn boost(net: &Net, file: &File, node: usize) -> Option<(usize, u64)> {
    let What::Worker(at) = net.nodes[node].what else { return None };
    let worker = &file.worker[at];
    let help = worker.helps.as_ref()?;
    let helped = net.find(&help.worker)?;
    let by = if let Some(share) = help.speed_up {
        u64::from(share.millionths())
    } else {
        let whole = u64::from(net.nodes[helped].load.millionths());
        u64::from(worker.load.millionths()).saturating_mul(1_000_000).checked_div(whole)?
    };
    Some((helped, by))
}
