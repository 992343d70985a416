//! A layered layout: each step to the right of what it waits for, with few crossings. Whole numbers only, so that the same
//! plan gives the same picture everywhere.

use super::{Edge, EdgeKind};
use crate::text::number;

/// Where a box lies, in pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    pub(super) x: i64,
    /// Its middle.
    pub(super) y: i64,
}

/// Where everything lies.
pub(super) struct Layout {
    pub(super) spots: Vec<Spot>,
    /// For each edge, the points through which it goes between its ends.
    pub(super) bends: Vec<Vec<Spot>>,
    pub(super) width: i64,
    pub(super) height: i64,
}

pub(super) const BOX_WIDTH: i64 = 210;
pub(super) const BOX_HEIGHT: i64 = 46;
const COLUMN: i64 = BOX_WIDTH + 90;
const ROW: i64 = BOX_HEIGHT + 18;
/// Edges that pass a column need less room than boxes.
const LANE: i64 = 16;
const MARGIN: i64 = 24;
const SWEEPS: usize = 12;

/// A box or a bend of an edge.
struct Point {
    layer: usize,
    is_box: bool,
    left: Vec<usize>,
    right: Vec<usize>,
}

pub(super) fn layout(steps: usize, edges: &[Edge]) -> Layout {
    let layers = layers(steps, edges);
    let mut points: Vec<Point> =
        layers.iter().map(|layer| Point { layer: *layer, is_box: true, left: Vec::new(), right: Vec::new() }).collect();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for edge in edges {
        let mut chain = Vec::new();
        let mut before = edge.from;
        for layer in layers[edge.from] + 1..layers[edge.to].max(layers[edge.from] + 1) {
            points.push(Point { layer, is_box: false, left: Vec::new(), right: Vec::new() });
            chain.push(points.len() - 1);
        }
        if edge.kind != EdgeKind::Helps {
            for next in chain.iter().copied().chain([edge.to]) {
                points[before].right.push(next);
                points[next].left.push(before);
                before = next;
            }
        }
        chains.push(chain);
    }
    let columns = ordered(&points);
    let ys = heights(&points, &columns);
    let top = columns.iter().flatten().map(|point| ys[*point] - half(&points[*point])).min().unwrap_or(0);
    let bottom = columns.iter().flatten().map(|point| ys[*point] + half(&points[*point])).max().unwrap_or(0);
    let spot = |point: usize| Spot { x: MARGIN + COLUMN * number(points[point].layer), y: ys[point] - top + MARGIN };
    let last = points.iter().map(|point| point.layer).max().unwrap_or(0);
    Layout {
        spots: (0..steps).map(spot).collect(),
        bends: chains.into_iter().map(|chain| chain.into_iter().map(spot).collect()).collect(),
        width: 2 * MARGIN + COLUMN * number(last) + BOX_WIDTH,
        height: bottom - top + 2 * MARGIN,
    }
}

/// The longest way to each step. Help goes back as well as forth and doesn't count.
fn layers(steps: usize, edges: &[Edge]) -> Vec<usize> {
    let mut layers = vec![0; steps];
    // As often as the longest way has edges; a plan has no circle.
    for _ in 0..=steps {
        let mut changed = false;
        for edge in edges.iter().filter(|edge| edge.kind != EdgeKind::Helps) {
            if layers[edge.to] <= layers[edge.from] {
                layers[edge.to] = layers[edge.from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    layers
}

/// The columns, each ordered by where its neighbours lie.
fn ordered(points: &[Point]) -> Vec<Vec<usize>> {
    let last = points.iter().map(|point| point.layer).max().unwrap_or(0);
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); last + 1];
    points.iter().enumerate().for_each(|(at, point)| columns[point.layer].push(at));
    let mut place = vec![0i64; points.len()];
    let settle = |column: &[usize], place: &mut Vec<i64>| {
        column.iter().enumerate().for_each(|(row, point)| place[*point] = number(row));
    };
    for column in &columns {
        settle(column, &mut place);
    }
    for sweep in 0..SWEEPS {
        let to_right = sweep % 2 == 0;
        for step in 1..columns.len() {
            let at = if to_right { step } else { columns.len() - 1 - step };
            let key = |point: &usize| {
                let near = if to_right { &points[*point].left } else { &points[*point].right };
                let sum: i64 = near.iter().map(|other| place[*other] * 1000).sum();
                if near.is_empty() { place[*point] * 1000 } else { sum / number(near.len()) }
            };
            let mut column = columns[at].clone();
            column.sort_by_key(|point| (key(point), place[*point]));
            settle(&column, &mut place);
            columns[at] = column;
        }
    }
    columns
}

fn half(point: &Point) -> i64 {
    if point.is_box { ROW / 2 } else { LANE / 2 }
}

/// Where the middle of each point lies: near its neighbours, in its order, without touching.
fn heights(points: &[Point], columns: &[Vec<usize>]) -> Vec<i64> {
    let mut ys = vec![0i64; points.len()];
    for column in columns {
        let total: i64 = column.iter().map(|point| 2 * half(&points[*point])).sum();
        let mut y = -total / 2;
        for point in column {
            ys[*point] = y + half(&points[*point]);
            y += 2 * half(&points[*point]);
        }
    }
    for sweep in 0..SWEEPS {
        for step in 0..columns.len() {
            let column = &columns[if sweep % 2 == 0 { step } else { columns.len() - 1 - step }];
            let wished: Vec<i64> = column
                .iter()
                .map(|point| {
                    let near: Vec<usize> = points[*point].left.iter().chain(&points[*point].right).copied().collect();
                    if near.is_empty() {
                        ys[*point]
                    } else {
                        near.iter().map(|other| ys[*other]).sum::<i64>() / number(near.len())
                    }
                })
                .collect();
            apart(points, column, &wished, &mut ys);
        }
    }
    ys
}

/// As near to the wishes as the order and the room allow: the mean of pushing down and pushing up.
fn apart(points: &[Point], column: &[usize], wished: &[i64], ys: &mut [i64]) {
    let room = |a: usize, b: usize| half(&points[column[a]]) + half(&points[column[b]]);
    let mut down = wished.to_vec();
    for at in 1..column.len() {
        down[at] = down[at].max(down[at - 1] + room(at - 1, at));
    }
    let mut up = wished.to_vec();
    for at in (0..column.len().saturating_sub(1)).rev() {
        up[at] = up[at].min(up[at + 1] - room(at, at + 1));
    }
    for (at, point) in column.iter().enumerate() {
        ys[*point] = i64::midpoint(down[at], up[at]);
    }
    for at in 1..column.len() {
        ys[column[at]] = ys[column[at]].max(ys[column[at - 1]] + room(at - 1, at));
    }
}
