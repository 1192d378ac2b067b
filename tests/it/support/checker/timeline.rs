//! Commit order against real time.
//!
//! A version was committed after every order in it (and before it) was sent, and before any order
//! in it (or after it) was answered. That bounds each commit from both sides, and so the time
//! during which each stock can have held.

use std::collections::BTreeMap;
use std::time::Duration;

use super::claims::Claims;
use super::{Rule, Violation};
use crate::support::books::{Books, VersionRow};
use crate::support::history::{Answer, Call, Request};

/// One SKU's version with what bounds its commit.
#[derive(Debug)]
struct Point {
    available: i64,
    /// The lowest stock that any order in it can have seen: the stock before, less all that it
    /// took.
    lowest: i64,
    /// Not committed before this.
    earliest: Duration,
    /// Committed by then; `Duration::MAX` if nothing says so.
    latest: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Effect {
    version: u64,
    invoked: Duration,
    acknowledged: Duration,
}

pub(super) fn check(calls: &[Call], books: &Books, claims: &Claims) -> Vec<Violation> {
    let mut found = Vec::new();
    let version_of: BTreeMap<(&str, u64), u64> =
        books.versions.iter().map(|row| ((row.sku.as_str(), row.flush_id), row.version)).collect();
    let mut effects: BTreeMap<&str, Vec<Effect>> = BTreeMap::new();
    let mut taken: BTreeMap<(&str, u64), i64> = BTreeMap::new();
    for movement in &books.movements {
        let Some(&version) = version_of.get(&(movement.sku.as_str(), movement.flush_id)) else {
            continue;
        };
        *taken.entry((&movement.sku, version)).or_default() += movement.delta.min(0);
        if let Some(claim) = claims.of_row(movement) {
            let acknowledged = claim.acknowledged.unwrap_or(Duration::MAX);
            let effect = Effect { version, invoked: claim.invoked, acknowledged };
            effects.entry(&movement.sku).or_default().push(effect);
        }
    }
    let mut versions: BTreeMap<&str, Vec<&VersionRow>> = BTreeMap::new();
    for row in &books.versions {
        versions.entry(&row.sku).or_default().push(row);
    }

    let mut curves = BTreeMap::new();
    for (sku, chain) in versions {
        let effects = effects.remove(sku).unwrap_or_default();
        check_real_time(sku, &effects, &mut found);
        curves.insert(sku, curve(&chain, &effects, &taken));
    }
    for call in calls {
        check_refusal(call, &curves, &mut found);
    }
    found
}

/// What was answered before another call began must lie before it. They cannot share a version
/// either: a flush takes nothing in after it was committed.
fn check_real_time(sku: &str, effects: &[Effect], found: &mut Vec<Violation>) {
    let mut by_answer: Vec<&Effect> = effects.iter().collect();
    by_answer.sort_by_key(|effect| effect.acknowledged);
    let mut by_call = by_answer.clone();
    by_call.sort_by_key(|effect| effect.invoked);
    let mut answered = by_answer.into_iter().peekable();
    let mut newest: Option<&Effect> = None;
    for effect in by_call {
        while let Some(earlier) = answered.next_if(|earlier| earlier.acknowledged < effect.invoked)
        {
            if newest.is_none_or(|newest| newest.version < earlier.version) {
                newest = Some(earlier);
            }
        }
        if let Some(newest) = newest.filter(|newest| newest.version >= effect.version) {
            found.push(Violation::new(
                Rule::RealTimeOrder,
                format!("{sku}: {newest:?} before {effect:?}"),
            ));
        }
    }
}

fn curve(
    chain: &[&VersionRow],
    effects: &[Effect],
    taken: &BTreeMap<(&str, u64), i64>,
) -> Vec<Point> {
    let mut bounds: BTreeMap<u64, (Duration, Duration)> = BTreeMap::new();
    for effect in effects {
        let (earliest, latest) =
            bounds.entry(effect.version).or_insert((Duration::ZERO, Duration::MAX));
        *earliest = (*earliest).max(effect.invoked);
        *latest = (*latest).min(effect.acknowledged);
    }
    let mut before = 0;
    let mut points: Vec<Point> = chain
        .iter()
        .map(|row| {
            let (earliest, latest) =
                bounds.get(&row.version).copied().unwrap_or((Duration::ZERO, Duration::MAX));
            let lowest = before + taken.get(&(row.sku.as_str(), row.version)).copied().unwrap_or(0);
            before = row.available;
            Point { available: row.available, lowest, earliest, latest }
        })
        .collect();
    for index in 1..points.len() {
        points[index].earliest = points[index].earliest.max(points[index - 1].earliest);
    }
    for index in (1..points.len()).rev() {
        points[index - 1].latest = points[index - 1].latest.min(points[index].latest);
    }
    points
}

fn check_refusal(call: &Call, curves: &BTreeMap<&str, Vec<Point>>, found: &mut Vec<Violation>) {
    let Answer::Http { body, .. } = &call.answer else {
        return;
    };
    if call.answer.problem() != Some("insufficient-stock") {
        return;
    }
    let mut wrong =
        |why: &str| found.push(Violation::new(Rule::WrongRefusal, format!("{why}: {call:?}")));
    let lines =
        body.get("lines").and_then(|lines| lines.as_array()).map(Vec::as_slice).unwrap_or_default();
    if lines.is_empty() {
        wrong("names no line that fell short");
    }
    for line in lines {
        let units = |member| line.get(member).and_then(|units: &serde_json::Value| units.as_i64());
        let (Some(sku), Some(requested), Some(available)) =
            (line.get("sku").and_then(|sku| sku.as_str()), units("requested"), units("available"))
        else {
            wrong("a line lacks a member");
            continue;
        };
        if let Request::Order { lines, .. } = &call.request
            && lines.get(sku) != Some(&requested)
        {
            wrong("it was not asked for that much");
        }
        if available >= requested {
            wrong("there was enough, by its own words");
        }
        if !curves
            .get(sku)
            .is_some_and(|curve| was_below(curve, requested, call.invoked, call.returned))
        {
            wrong("there was enough at every moment between call and answer");
        }
    }
}

/// True if the stock can have been below `requested` at some moment from `from` to `to`.
fn was_below(curve: &[Point], requested: i64, from: Duration, to: Duration) -> bool {
    let begun = curve.partition_point(|point| point.earliest <= to);
    let ended = |index: usize| curve.get(index + 1).map_or(Duration::MAX, |next| next.latest);
    curve[..begun].iter().enumerate().rev().any(|(index, point)| {
        (point.available < requested && ended(index) >= from)
            || (point.lowest < requested && point.latest >= from)
    })
}
