//! What is ordered: which SKUs the order with a given number takes, one unit of each.
//!
//! The SKUs are a function of the number, so that an order that is sent again has the same content,
//! and so that every subject gets the same load.

use std::sync::Arc;

use hotrow::domain::Sku;

use crate::outcome::Outcome;
use crate::splitmix::scatter;

/// Stock that no run can sell.
pub(crate) const PLENTY: i64 = 1_000_000_000;
/// Most lines of an order.
const LINES_MAX: usize = 3;
/// Zipf draws that are made beforehand; a power of two.
const ZIPF_DRAWS: usize = 1 << 20;
/// SKUs beside the two hot ones of an order of three lines.
const COLD_SKUS: usize = 10_000;

/// SKUs and how they are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// As in the report.
    pub name: &'static str,
    /// All that are opened, in order of their names.
    pub skus: Arc<[Sku]>,
    /// Units that each is opened with.
    pub available: i64,
    pick: Pick,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Pick {
    First,
    Uniform,
    /// Each SKU in its turn.
    InTurn,
    /// Each SKU but the first in its turn.
    InTurnAfterFirst,
    Drawn(Arc<[u32]>),
    TwoHotOneCold,
}

/// The SKUs of one order, by index, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picks {
    indexes: [usize; LINES_MAX],
    lines: usize,
}

impl Picks {
    fn one(index: usize) -> Self {
        Self { indexes: [index, 0, 0], lines: 1 }
    }

    /// The indexes.
    pub(crate) fn as_slice(&self) -> &[usize] {
        &self.indexes[..self.lines]
    }
}

impl Workload {
    /// One hot SKU.
    pub(crate) fn one_hot() -> Outcome<Self> {
        Self::new("one-hot", 1, Pick::First, 0)
    }

    /// Zipf with exponent 1 over so many SKUs.
    pub(crate) fn zipf(skus: usize, seed: u64) -> Outcome<Self> {
        // Up to each SKU, the sum of 1 + 1/2 + 1/3 + …; a draw falls into the step of its SKU.
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=skus)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        let draw = |number: u64| {
            let share = scatter(scatter(number) ^ seed) as f64 / 2_f64.powi(64);
            let index = sums.partition_point(|upper| *upper <= share * sum);
            index.min(skus - 1) as u32
        };
        let draws = (0..ZIPF_DRAWS as u64).map(draw).collect();
        Self::new("zipf-10k", skus, Pick::Drawn(draws), seed)
    }

    /// Uniform over so many SKUs.
    pub(crate) fn uniform(skus: usize, seed: u64) -> Outcome<Self> {
        Self::new("uniform-100k", skus, Pick::Uniform, seed)
    }

    /// Three lines an order: two hot SKUs, always the same, and one of ten thousand.
    pub(crate) fn three_lines(seed: u64) -> Outcome<Self> {
        Self::new("three-lines", COLD_SKUS + 2, Pick::TwoHotOneCold, seed)
    }

    /// Each of so many SKUs once, then again.
    pub(crate) fn in_turn(name: &'static str, skus: usize) -> Outcome<Self> {
        Self::new(name, skus, Pick::InTurn, 0)
    }

    /// Each of so many SKUs in turn, beside a first one that is left to others.
    pub(crate) fn beside(name: &'static str, skus: usize) -> Outcome<Self> {
        Self::new(name, skus + 1, Pick::InTurnAfterFirst, 0)
    }

    fn new(name: &'static str, skus: usize, pick: Pick, seed: u64) -> Outcome<Self> {
        let skus = (0..skus).map(|index| Sku::new(&sku_name(index))).collect::<Result<_, _>>()?;
        Ok(Self { name, skus, available: PLENTY, pick, seed })
    }

    /// The same with so many units of each SKU.
    pub(crate) fn with_available(self, available: i64) -> Self {
        Self { available, ..self }
    }

    /// The same under another name.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The SKUs of the order with this number.
    pub(crate) fn picks(&self, number: u64) -> Picks {
        let random = || scatter(number ^ self.seed) as usize;
        match &self.pick {
            Pick::First => Picks::one(0),
            Pick::Uniform => Picks::one(random() % self.skus.len()),
            Pick::InTurn => Picks::one(number as usize % self.skus.len()),
            Pick::InTurnAfterFirst => Picks::one(1 + number as usize % (self.skus.len() - 1)),
            Pick::Drawn(draws) => Picks::one(draws[random() % draws.len()] as usize),
            Pick::TwoHotOneCold => {
                Picks { indexes: [0, 1, 2 + random() % COLD_SKUS], lines: LINES_MAX }
            }
        }
    }
}

/// The name of the SKU at this index; the SQL that opens stock makes the same.
fn sku_name(index: usize) -> String {
    format!("sku-{index:07}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_is_the_same_for_the_same_seed_and_skewed_as_it_says() {
        let (first, again) =
            (Workload::zipf(10_000, 7).unwrap(), Workload::zipf(10_000, 7).unwrap());
        let other = Workload::zipf(10_000, 8).unwrap();
        let draws = |workload: &Workload| (0..1_000).map(|n| workload.picks(n)).collect::<Vec<_>>();
        assert_eq!(draws(&first), draws(&again));
        assert_ne!(draws(&first), draws(&other));
        // The share of the first of 10,000 is 1 / (1 + 1/2 + … + 1/10,000) = 0.102.
        let orders = 200_000;
        let hottest = (0..orders).filter(|n| first.picks(*n).as_slice() == [0]).count();
        let share = hottest as f64 / orders as f64;
        assert!((0.095..0.110).contains(&share), "{share}");
    }

    #[test]
    fn uniform_reaches_all_and_in_turn_each_once() {
        let uniform = Workload::uniform(100, 1).unwrap();
        let mut counts = vec![0_u32; 100];
        for number in 0..100_000 {
            counts[uniform.picks(number).as_slice()[0]] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        let turns = Workload::in_turn("turns", 50).unwrap();
        let mut seen: Vec<_> = (0..50).map(|n| turns.picks(n).as_slice()[0]).collect();
        seen.dedup();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn three_lines_ascend() {
        let workload = Workload::three_lines(3).unwrap();
        for number in 0..1_000 {
            let picks = workload.picks(number);
            assert_eq!(picks.as_slice()[..2], [0, 1]);
            assert!((2..10_002).contains(&picks.as_slice()[2]));
        }
    }
}
