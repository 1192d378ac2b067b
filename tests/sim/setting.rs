//! What a seed is made of. Each seed draws its own world: some are calm, some have one kind of fault
//! only, some have all of them.

use std::collections::BTreeMap;

use hotrow::domain::{MergeMode, PurchaseLimit, SaleWindow, Sku, Terms, Timestamp};
use hotrow::engine::{MergeModes, Policy};
use hotrow::limits::AVAILABLE_MAX;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Chances of the faults that hit single flushes and arrivals, 0 to 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Odds {
    pub(crate) connect_failed: f64,
    pub(crate) lost_in_execution: f64,
    pub(crate) statement: f64,
    pub(crate) conflict: f64,
    pub(crate) commit_refused: f64,
    pub(crate) commit_landed: f64,
    pub(crate) commit_lost: f64,
    pub(crate) commit_lands_late: f64,
    pub(crate) commit_vanishes_late: f64,
}

/// Faults that come at a time of their own: how many of each a seed has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    pub(crate) server_crashes: u32,
    pub(crate) engine_crashes: u32,
    pub(crate) engine_restarts: u32,
    pub(crate) read_only: u32,
    pub(crate) by_hand: u32,
    pub(crate) merge_modes: u32,
}

/// How a SKU is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) available: i64,
    pub(crate) terms: Terms,
}

/// What clients ask for besides stock.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// How many buyers there are; orders of some are for nobody in particular.
    pub(crate) buyers: usize,
    /// How often an order is a hold, 0 to 1.
    pub(crate) holds: f64,
    /// How long holds last, in seconds of the database's clock.
    pub(crate) hold_seconds: &'static [i64],
    /// Whether a DBA changes the terms of sale, too.
    pub(crate) new_terms: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) opening: BTreeMap<Sku, Opening>,
    pub(crate) engines: usize,
    pub(crate) policy: Policy,
    pub(crate) lock_wait_ms: u64,
    pub(crate) latency_ms: u64,
    pub(crate) tick_ms: u64,
    /// How long a session outlives its client.
    pub(crate) linger_ms: u64,
    /// How often a session pauses between two of its steps, 0 to 1.
    pub(crate) pause: f64,
    pub(crate) arrivals: u32,
    pub(crate) burst_max: u32,
    pub(crate) gap_ms: u64,
    /// How many lines an order has at most.
    pub(crate) lines_max: usize,
    pub(crate) habits: Habits,
    /// Between two sweeps of an engine at most, in milliseconds; 0 when no engine sweeps before peace.
    pub(crate) sweep_ms: u64,
    pub(crate) odds: Odds,
    pub(crate) incidents: Incidents,
    /// When all faults end.
    pub(crate) peace_at_ms: u64,
}

pub(crate) fn sku(number: usize) -> Sku {
    Sku::new(&format!("sku-{number}")).expect("a valid identifier")
}

/// The SKU that is nearly at the ceiling.
pub(crate) fn full_sku() -> Sku {
    Sku::new("sku-full").expect("a valid identifier")
}

impl Setting {
    pub(crate) fn draw(seed: u64) -> Self {
        // A stream of its own, so that what happens later does not change the setting.
        let rng = &mut StdRng::seed_from_u64(seed.rotate_left(32) ^ 0x5e77);
        let skus = rng.random_range(1..=4);
        let stock_max = *pick(rng, &[4, 15, 60]);
        let mut stocks: BTreeMap<Sku, i64> =
            (0..skus).map(|number| (sku(number), rng.random_range(0..=stock_max))).collect();
        if rng.random_bool(0.3) {
            stocks.insert(full_sku(), AVAILABLE_MAX - rng.random_range(0..5));
        }
        let arrivals = rng.random_range(5..=30);
        let gap_ms = *pick(rng, &[1, 5, 20, 60]);
        let order_deadline_ms = *pick(rng, &[150, 600, 2_500]);
        let peace_at_ms = u64::from(arrivals) * gap_ms + rng.random_range(50..1_500);
        let has_terms = rng.random_bool(0.4);
        let opening = stocks
            .into_iter()
            .map(|(sku, available)| {
                let on_terms = has_terms && rng.random_bool(0.6);
                let terms = if on_terms { some_terms(rng, peace_at_ms) } else { Terms::default() };
                (sku, Opening { available, terms })
            })
            .collect();
        Self {
            opening,
            engines: 1 + usize::from(rng.random_bool(0.4)),
            policy: Policy {
                lane_depth_max: *pick(rng, &[2, 8, 1_000, 1_000, 1_000, 1_000]),
                flush_orders_max: *pick(rng, &[1, 2, 4, 2_048]),
                flights_max: rng.random_range(1..=4),
                order_deadline_ms,
            },
            lock_wait_ms: *pick(rng, &[15, 60, 300]),
            latency_ms: *pick(rng, &[0, 1, 4, 10]),
            tick_ms: *pick(rng, &[10, 50]),
            linger_ms: *pick(rng, &[10, 100, order_deadline_ms * 2]),
            pause: *pick(rng, &[0.0, 0.05, 0.4]),
            arrivals,
            burst_max: *pick(rng, &[1, 3, 8]),
            gap_ms,
            lines_max: *pick(rng, &[1, 2, 4]),
            habits: Habits {
                buyers: rng.random_range(0..=3),
                holds: *pick(rng, &[0.0, 0.3, 0.6]),
                hold_seconds: HOLD_SECONDS[rng.random_range(0..HOLD_SECONDS.len())],
                new_terms: rng.random_bool(0.5),
            },
            sweep_ms: *pick(rng, &[0, 20, 200]),
            odds: Odds {
                connect_failed: chance(rng),
                lost_in_execution: chance(rng),
                statement: chance(rng),
                conflict: chance(rng),
                commit_refused: chance(rng),
                commit_landed: chance(rng),
                commit_lost: chance(rng),
                commit_lands_late: chance(rng),
                commit_vanishes_late: chance(rng),
            },
            incidents: Incidents {
                server_crashes: few(rng),
                engine_crashes: few(rng),
                engine_restarts: few(rng),
                read_only: few(rng),
                by_hand: few(rng) * 3,
                merge_modes: few(rng) * 4,
            },
            peace_at_ms,
        }
    }
}

/// A second of the database's clock is a millisecond of the world's.
const HOLD_SECONDS: &[&[i64]] = &[&[1, 5, 30], &[20, 100, 400], &[5, 300, 86_400]];
const MICROS_PER_MS: u64 = 1_000_000;

/// The database's clock at this moment of the world.
pub(crate) fn clock_at(ms: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(ms * MICROS_PER_MS).expect("short"))
}

/// A purchase limit, a window, or both; the window is open now and then.
pub(crate) fn some_terms(rng: &mut StdRng, until_ms: u64) -> Terms {
    let limit = *pick(rng, &[None, Some(1), Some(3), Some(13)]);
    let purchase_limit = limit.map(|units| PurchaseLimit::new(units).expect("within its bounds"));
    let mut edge = |odds| rng.random_bool(odds).then(|| clock_at(rng.random_range(0..until_ms)));
    let (starts_at, ends_at) = (edge(0.3), edge(0.3));
    Terms { purchase_limit, window: SaleWindow::as_stored(starts_at, ends_at) }
}

/// Mostly a mode for the whole server, and some SKUs with modes of their own.
pub(crate) fn some_modes(rng: &mut StdRng, skus: &[Sku]) -> MergeModes {
    let whole = *pick(rng, &[MergeMode::On, MergeMode::On, MergeMode::Off, MergeMode::DryRun]);
    let own = skus.iter().filter_map(|sku| {
        let mode = *pick(rng, &MergeMode::ALL);
        rng.random_bool(0.3).then(|| (sku.clone(), mode))
    });
    MergeModes { whole, own: own.collect() }
}

pub(crate) fn pick<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

fn chance(rng: &mut StdRng) -> f64 {
    *pick(rng, &[0.0, 0.0, 0.0, 0.0, 0.02, 0.1, 0.3])
}

fn few(rng: &mut StdRng) -> u32 {
    *pick(rng, &[0, 0, 0, 1, 2])
}
