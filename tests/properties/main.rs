//! The rules of domain and engine, held against naive models of them.

mod deciding;
mod model;
mod words;

use std::collections::BTreeMap;

use hotrow::domain::{
    Available, Delta, HoldSeconds, Line, Order, OrderId, PurchaseLimit, Quantity, Sku,
};
use hotrow::limits::{
    ADJUSTMENT_DELTA_MAX, AVAILABLE_MAX, HOLD_SECONDS_MAX, ID_LEN_MAX, LINES_MAX,
    PURCHASE_LIMIT_MAX, QUANTITY_MAX,
};
use proptest::collection::vec;
use proptest::prelude::*;

use words::{id, sku};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_identifier_is_1_to_64_of_the_allowed_bytes(
        text in prop_oneof!["[A-Za-z0-9._:-]{0,70}", "[ -~]{1,8}", "\\PC{0,8}", ".{0,8}"],
    ) {
        let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
        let good = (1..=ID_LEN_MAX).contains(&text.len())
            && text.chars().all(|char| allowed.contains(char));
        prop_assert_eq!(OrderId::new("order_id", &text).is_ok(), good);
        prop_assert_eq!(Sku::new(&text).is_ok(), good);
        if let Ok(id) = OrderId::new("order_id", &text) {
            prop_assert_eq!(id.as_str(), text);
        }
    }

    #[test]
    fn numbers_keep_their_bounds(
        units in prop_oneof![
            any::<i64>(),
            -2..3i64,
            (-2..3i64).prop_map(|n| n + i64::from(QUANTITY_MAX)),
            (-2..3i64).prop_map(|n| n + ADJUSTMENT_DELTA_MAX),
            (-2..3i64).prop_map(|n| n - ADJUSTMENT_DELTA_MAX),
            (-2..3i64).prop_map(|n| n + AVAILABLE_MAX),
            (-2..3i64).prop_map(|n| n + i64::from(HOLD_SECONDS_MAX)),
            (-2..3i64).prop_map(|n| n + PURCHASE_LIMIT_MAX),
        ],
    ) {
        let quantity = (1..=i64::from(QUANTITY_MAX)).contains(&units);
        prop_assert_eq!(Quantity::new(units).ok().map(Quantity::units), quantity.then_some(units));
        let delta = units != 0 && (-ADJUSTMENT_DELTA_MAX..=ADJUSTMENT_DELTA_MAX).contains(&units);
        prop_assert_eq!(Delta::new(units).ok().map(Delta::units), delta.then_some(units));
        let hold = (1..=i64::from(HOLD_SECONDS_MAX)).contains(&units);
        let seconds = HoldSeconds::new(units).ok().map(|hold| i64::from(hold.seconds()));
        prop_assert_eq!(seconds, hold.then_some(units));
        let limit = (1..=PURCHASE_LIMIT_MAX).contains(&units);
        let made = PurchaseLimit::new(units).ok().map(PurchaseLimit::units);
        prop_assert_eq!(made, limit.then_some(units));
        let available = (0..=AVAILABLE_MAX).contains(&units);
        prop_assert_eq!(
            Available::new(units).ok().map(Available::units),
            available.then_some(units)
        );
    }

    #[test]
    fn an_order_is_its_lines_summed_and_sorted(
        lines in vec((0..6usize, prop_oneof![1..9i64, 300_000..400_000i64]), 0..=LINES_MAX + 2),
    ) {
        let mut sums: BTreeMap<Sku, i64> = BTreeMap::new();
        for (number, units) in &lines {
            *sums.entry(sku(*number)).or_default() += units;
        }
        let good = (1..=LINES_MAX).contains(&lines.len())
            && sums.values().all(|&units| units <= i64::from(QUANTITY_MAX));
        let to_lines = |lines: &[(usize, i64)]| -> Vec<Line> {
            let quantity = |units| Quantity::new(units).expect("within its bounds");
            lines
                .iter()
                .map(|&(number, units)| Line { sku: sku(number), quantity: quantity(units) })
                .collect()
        };
        let made = Order::new(id(1), to_lines(&lines));
        prop_assert_eq!(made.is_ok(), good, "{:?}", made);
        let Ok(made) = made else { return Ok(()) };
        let summed = made.lines().iter().map(|line| (line.sku.clone(), line.quantity.units()));
        prop_assert!(summed.eq(sums));
        let mut backwards = lines;
        backwards.reverse();
        prop_assert_eq!(Order::new(id(1), to_lines(&backwards)), Ok(made));
    }
}
