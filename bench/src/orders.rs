//! Orders by number: their ids and contents, shared by all clients of a run.

use std::array;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hotrow::domain::{Line, Operation, Order, OrderId, Quantity, Sku};

use crate::outcome::Outcome;
use crate::splitmix::scatter;
use crate::workload::{Picks, Workload};

/// How ids follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdOrder {
    /// Ascending, as with UUID 7 or a snowflake.
    Time,
    /// Scattered over the whole range, as with UUID 4.
    Random,
}

/// The orders of one run. Cheap to clone; clones count on together.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    /// What they take.
    pub workload: Workload,
    id_order: IdOrder,
    next: Arc<AtomicU64>,
}

impl Orders {
    /// Orders with ascending ids.
    pub(crate) fn new(workload: &Workload) -> Self {
        Self::with_ids(workload, IdOrder::Time, 0)
    }

    /// Orders whose ids are in this order, from the one with this number on.
    pub(crate) fn with_ids(workload: &Workload, id_order: IdOrder, first: u64) -> Self {
        Self { workload: workload.clone(), id_order, next: Arc::new(AtomicU64::new(first)) }
    }

    /// The next number.
    pub(crate) fn take_one(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The next `count` numbers.
    pub(crate) fn take(&self, count: usize) -> Range<u64> {
        let first = self.next.fetch_add(count as u64, Ordering::Relaxed);
        first..first + count as u64
    }

    /// The id of an order: 18 characters, of which 16 are a number in hexadecimal digits.
    pub(crate) fn id(&self, number: u64) -> String {
        let number = match self.id_order {
            IdOrder::Time => number,
            IdOrder::Random => scatter(number),
        };
        // Without the machinery of `format!`: the client shares its processors with what it measures.
        let digits: [u8; 16] =
            array::from_fn(|place| b"0123456789abcdef"[(number >> (60 - 4 * place)) as usize & 15]);
        let digits = str::from_utf8(&digits).expect("hexadecimal digits are ASCII");
        ["o-", digits].concat()
    }

    /// Which SKUs it takes.
    pub(crate) fn picks(&self, number: u64) -> Picks {
        self.workload.picks(number)
    }

    /// The SKUs that it takes, ascending.
    pub(crate) fn skus(&self, number: u64) -> impl Iterator<Item = Sku> {
        let picks = self.picks(number);
        (0..picks.as_slice().len())
            .map(move |line| self.workload.skus[picks.as_slice()[line]].clone())
    }

    /// The order as hotrow's library takes it.
    pub(crate) fn operation(&self, number: u64) -> Outcome<Operation> {
        let quantity = Quantity::new(1)?;
        let lines = self.skus(number).map(|sku| Line { sku, quantity });
        let id = OrderId::new("order_id", &self.id(number))?;
        Ok(Operation::Take(Order::new(id, lines)?))
    }

    /// The next `count` orders as hotrow's library takes them.
    pub(crate) fn operations(&self, count: usize) -> Outcome<Vec<Operation>> {
        self.take(count).map(|number| self.operation(number)).collect()
    }

    /// The order as the HTTP contract has it, appended to `json`.
    pub(crate) fn write_json(&self, number: u64, json: &mut String) {
        json.push_str("{\"order_id\":\"");
        json.push_str(&self.id(number));
        json.push_str("\",\"lines\":[");
        for (line, sku) in self.skus(number).enumerate() {
            if line > 0 {
                json.push(',');
            }
            json.push_str("{\"sku\":\"");
            json.push_str(sku.as_str());
            json.push_str("\",\"quantity\":1}");
        }
        json.push_str("]}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_or_scatter_and_never_repeat() {
        let workload = Workload::one_hot().unwrap();
        let ids = |order| {
            let orders = Orders::with_ids(&workload, order, 5);
            orders.take(1_000).map(|number| orders.id(number)).collect::<Vec<_>>()
        };
        let (timed, random) = (ids(IdOrder::Time), ids(IdOrder::Random));
        assert!(timed.is_sorted());
        assert!(!random.is_sorted());
        for mut ids in [timed, random] {
            assert!(ids.iter().all(|id| id.len() == 18));
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 1_000);
        }
    }

    #[test]
    fn json_is_the_contract() {
        let orders = Orders::new(&Workload::three_lines(1).unwrap());
        let mut json = String::new();
        orders.write_json(3, &mut json);
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["order_id"], "o-0000000000000003");
        assert_eq!(parsed["lines"].as_array().unwrap().len(), 3);
        assert_eq!(parsed["lines"][0]["sku"], "sku-0000000");
    }
}
