//! The statements, known by their texts, and what the plan of each has to be.

use super::{Access, TABLES, driven_by_list};

/// The statements that a flush or the desk sends, and how each may reach the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Statement {
    InsertTakes,
    InsertAlikeTakes,
    InsertEqualTakes,
    InsertTakeOne,
    InsertHolds,
    InsertMovements,
    InsertSettles,
    UpdateStock,
    UpdateStockTakes,
    UpdateStockRangeTakes,
    UpdateStockOne,
    InsertVersions,
    InsertEqualVersions,
    InsertVersionOne,
    SelectLeft,
    LockStock,
    SelectVersions,
    SelectKnown,
    SelectKnownIfAny,
    SelectStock,
    SelectOpening,
    OpenVersion,
    LockGate,
    SelectChanges,
    SelectNewest,
    InsertRow,
    Probe,
    InsertPurchases,
    KeepPurchases,
    DeletePurchases,
    SelectBought,
    InsertHoldDeadlines,
    SelectDueHolds,
    DeleteDueRange,
    DeleteHoldDeadlines,
    UpdateTerms,
    SelectPins,
    InsertPins,
    DeletePins,
}

impl Statement {
    pub(super) const ALL: [Self; 39] = [
        Self::InsertTakes,
        Self::InsertAlikeTakes,
        Self::InsertEqualTakes,
        Self::InsertTakeOne,
        Self::InsertHolds,
        Self::InsertMovements,
        Self::InsertSettles,
        Self::UpdateStock,
        Self::UpdateStockTakes,
        Self::UpdateStockRangeTakes,
        Self::UpdateStockOne,
        Self::InsertVersions,
        Self::InsertEqualVersions,
        Self::InsertVersionOne,
        Self::SelectLeft,
        Self::LockStock,
        Self::SelectVersions,
        Self::SelectKnown,
        Self::SelectKnownIfAny,
        Self::SelectStock,
        Self::SelectOpening,
        Self::OpenVersion,
        Self::LockGate,
        Self::SelectChanges,
        Self::SelectNewest,
        Self::InsertRow,
        Self::Probe,
        Self::InsertPurchases,
        Self::KeepPurchases,
        Self::DeletePurchases,
        Self::SelectBought,
        Self::InsertHoldDeadlines,
        Self::SelectDueHolds,
        Self::DeleteDueRange,
        Self::DeleteHoldDeadlines,
        Self::UpdateTerms,
        Self::SelectPins,
        Self::InsertPins,
        Self::DeletePins,
    ];

    /// True for what MariaDB is not sent.
    pub(super) fn is_for_mysql(self) -> bool {
        matches!(self, Self::UpdateStockRangeTakes | Self::InsertEqualVersions)
    }

    /// Which one a text is; `None` for what reads and writes no table.
    ///
    /// # Panics
    /// For a statement that is not known here: say what its plan has to be.
    pub(super) fn of(text: &str) -> Option<Self> {
        let starts = |beginning: &str| text.starts_with(beginning);
        let has = |part: &str| text.contains(part);
        Some(match () {
            () if starts("INSERT INTO movement") && has("flush_id, created_at)") => {
                Self::InsertTakeOne
            }
            () if starts("INSERT INTO movement") && has("planned (order_id) AS") => {
                Self::InsertAlikeTakes
            }
            () if starts("INSERT INTO movement") && has("planned (order_id, sku) AS") => {
                Self::InsertEqualTakes
            }
            () if starts("INSERT INTO movement (order_id, sku, delta, flush_id)\n") => {
                Self::InsertTakes
            }
            () if starts("INSERT INTO stock_version") && has("= LAST_INSERT_ID()") => {
                Self::InsertVersionOne
            }
            () if starts("INSERT INTO stock_version") && has("\nVALUES (") => Self::OpenVersion,
            () if starts("INSERT INTO pinned_sku") => Self::InsertPins,
            () if starts("DELETE pinned") => Self::DeletePins,
            () if starts("SELECT sku FROM pinned_sku") => Self::SelectPins,
            () if starts("INSERT INTO") && has("\nVALUES (") => Self::InsertRow,
            () if starts("INSERT INTO stock (") && has(") VALUES (") => Self::InsertRow,
            () if starts("INSERT INTO movement") && has("* units") => Self::InsertSettles,
            () if starts("INSERT INTO movement") && has("'take', 1, 'hold'") => Self::InsertHolds,
            () if starts("INSERT INTO movement") => Self::InsertMovements,
            () if starts("UPDATE (") && has("STRAIGHT_JOIN purchase") => Self::KeepPurchases,
            () if starts("UPDATE (") && has("planned (sku, units)") => Self::UpdateStockTakes,
            () if starts("UPDATE (") => Self::UpdateStock,
            () if starts("UPDATE stock\nSET\n    purchase_limit") => Self::UpdateTerms,
            () if starts("INSERT INTO purchase") => Self::InsertPurchases,
            () if starts("DELETE given") => Self::DeletePurchases,
            () if starts("WITH asked (sku, buyer)") => Self::SelectBought,
            () if starts("INSERT INTO hold_deadline") => Self::InsertHoldDeadlines,
            () if starts("DELETE met") => Self::DeleteHoldDeadlines,
            () if starts("SELECT") && has("FROM hold_deadline") => Self::SelectDueHolds,
            () if starts("DELETE FROM hold_deadline") => Self::DeleteDueRange,
            () if starts("UPDATE stock SET version = version ") => Self::Probe,
            () if starts("UPDATE stock\n") => Self::UpdateStockOne,
            () if starts("UPDATE stock FORCE INDEX") => Self::UpdateStockRangeTakes,
            () if starts("INSERT INTO stock_version") && has("planned (sku) AS") => {
                Self::InsertEqualVersions
            }
            () if starts("INSERT INTO stock_version") && has("planned") => Self::InsertVersions,
            () if starts("WITH planned (sku)") && has("FOR UPDATE") => Self::LockStock,
            () if starts("WITH planned (sku)") => Self::SelectVersions,
            () if starts("WITH asked (order_id)") && has(" BETWEEN ") => Self::SelectKnownIfAny,
            () if starts("WITH asked (order_id)") => Self::SelectKnown,
            () if starts("WITH asked (sku)") => Self::SelectStock,
            () if starts("SELECT\n    (SELECT delta FROM movement") => Self::SelectOpening,
            () if starts("SELECT\n    sku, available,") => Self::SelectLeft,
            () if starts("SELECT place, sku, version") => Self::SelectChanges,
            () if starts("SELECT MAX(place) FROM") => Self::SelectNewest,
            () if has(" id FROM change_gate") && has("FOR UPDATE") => Self::LockGate,
            () if has("movement") || has("stock") || has("change_gate") => {
                panic!("which statement is this?\n{text}")
            }
            () => return None,
        })
    }

    /// Table and ways of access, in the order of the join; without the one row of the gate, where it is
    /// looked up.
    fn accesses(self) -> &'static [(&'static str, &'static [&'static str])] {
        const LOOKED_UP: &[&str] = &["eq_ref", "const"];
        match self {
            Self::InsertTakes
            | Self::InsertAlikeTakes
            | Self::InsertEqualTakes
            | Self::InsertTakeOne
            | Self::InsertMovements
            | Self::InsertHolds
            | Self::InsertRow
            | Self::InsertSettles
            | Self::InsertHoldDeadlines
            | Self::InsertPins => &[],
            // All of them, in the order of the key, as many as are heeded.
            Self::SelectPins => &[("pinned_sku", &["index"])],
            Self::DeletePins => &[("pinned", LOOKED_UP)],
            Self::InsertPurchases => &[("movement", LOOKED_UP)],
            Self::KeepPurchases => &[("purchase", LOOKED_UP)],
            Self::DeletePurchases => &[("given", LOOKED_UP)],
            Self::SelectBought => &[("stock", LOOKED_UP), ("purchase", &["ref"])],
            // What is read first is shown last.
            Self::SelectDueHolds => &[("movement", &["ref"]), ("hold_deadline", &["range"])],
            Self::DeleteDueRange => &[("hold_deadline", &["range"])],
            Self::DeleteHoldDeadlines => &[("met", LOOKED_UP)],
            Self::UpdateStock
            | Self::UpdateStockTakes
            | Self::InsertVersions
            | Self::InsertEqualVersions
            | Self::LockStock
            | Self::SelectVersions
            | Self::SelectStock => &[("stock", LOOKED_UP)],
            // A bare UPDATE is never shown as const.
            Self::UpdateStockOne
            | Self::UpdateStockRangeTakes
            | Self::Probe
            | Self::UpdateTerms => &[("stock", &["range"])],
            Self::InsertVersionOne => &[("stock", &["const"])],
            Self::OpenVersion | Self::LockGate => &[],
            // The end of an index, which is not shown as an access.
            Self::SelectNewest => &[],
            Self::SelectChanges => &[("stock_version", &["range"])],
            Self::SelectLeft => &[("stock", &["range", "const"])],
            // Whether there is any is the end of an index.
            Self::SelectKnown | Self::SelectKnownIfAny => &[("movement", &["ref"])],
            Self::SelectOpening => &[("stock", &["const"]), ("movement", &["const"])],
        }
    }

    /// Whether the plan of such a text looks up what it has to, and nothing else.
    pub(super) fn is_as_it_should_be(self, text: &str, plan: &[Access]) -> bool {
        let gate = |access: &&Access| access.table == "change_gate" && access.kind == "const";
        let tables: Vec<&Access> = plan
            .iter()
            .filter(|access| TABLES.contains(&&*access.table) && !gate(access))
            .collect();
        let expected = self.accesses();
        // A row that is looked up while the statement is planned, and is not there, ends it.
        let ended = tables.is_empty()
            && plan.iter().any(|access| access.table.is_empty())
            && (self == Self::SelectKnownIfAny
                || expected.iter().any(|(_, kinds)| kinds.contains(&"const")));
        let looked_up = tables.len() == expected.len()
            && tables.iter().zip(expected).all(|(access, (table, kinds))| {
                let index = if *table == "stock_version" { "change_order" } else { "PRIMARY" };
                access.table == *table
                    && access.key == index
                    && !(*table == "stock_version" && access.extra.contains("filesort"))
                    && kinds.contains(&&*access.kind)
            });
        // The time that is handed over is made once, before the first row.
        let made_once = !text.contains("moment AS") || plan[0].kind == "system";
        (ended || looked_up && driven_by_list(plan)) && made_once
    }
}
