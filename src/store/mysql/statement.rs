//! The statements of `sql/statements`, byte for byte, with the lists that a flush fills in.
//!
//! Values are put into the text by this module alone, and only such as cannot end a literal:
//! identifiers of the domain (their constructors allow no quote or backslash), integers, and other
//! text as hexadecimal.

use std::fmt::Write;
use std::sync::LazyLock;

use super::flavor::Flavor;

/// A statement with holes such as `{rows}`.
#[derive(Debug)]
pub(super) struct Statement {
    text: String,
}

macro_rules! statement {
    ($name:ident, $file:literal) => {
        pub(super) static $name: LazyLock<Statement> = LazyLock::new(|| {
            Statement::parse(include_str!(concat!("../../../sql/statements/", $file)))
        });
    };
}

statement!(INSERT_TAKES, "insert_takes.sql");
statement!(INSERT_EQUAL_TAKES, "insert_equal_takes.sql");
statement!(INSERT_ALIKE_TAKES, "insert_alike_takes.sql");
statement!(INSERT_TAKE_ONE, "insert_take_one.sql");
statement!(INSERT_HOLDS, "insert_holds.sql");
statement!(INSERT_MOVEMENTS, "insert_movements.sql");
statement!(INSERT_SETTLES, "insert_settles.sql");
statement!(UPDATE_STOCK, "update_stock.sql");
statement!(UPDATE_STOCK_TAKES, "update_stock_takes.sql");
statement!(UPDATE_STOCK_RANGE_TAKES, "update_stock_range_takes.sql");
statement!(UPDATE_STOCK_ONE, "update_stock_one.sql");
statement!(UPDATE_STOCK_TAKE_ONE, "update_stock_take_one.sql");
statement!(INSERT_VERSIONS, "insert_versions.sql");
statement!(INSERT_EQUAL_VERSIONS, "insert_equal_versions.sql");
statement!(INSERT_VERSION_ONE, "insert_version_one.sql");
statement!(SELECT_LEFT, "select_left.sql");
statement!(LOCK_STOCK, "lock_stock.sql");
statement!(SELECT_VERSIONS, "select_versions.sql");
statement!(SELECT_KNOWN, "select_known.sql");
statement!(ANY_KNOWN, "any_known.sql");
statement!(SELECT_BOUGHT, "select_bought.sql");
statement!(INSERT_PURCHASES, "insert_purchases.sql");
statement!(KEEP_PURCHASES, "keep_purchases.sql");
statement!(DELETE_PURCHASES, "delete_purchases.sql");
statement!(INSERT_HOLD_DEADLINES, "insert_hold_deadlines.sql");
statement!(ACQUIRE_RIGHT, "acquire_right.sql");
statement!(RELEASE_RIGHT, "release_right.sql");
statement!(SELECT_DUE_HOLDS, "select_due_holds.sql");
statement!(DELETE_DUE_RANGE, "delete_due_range.sql");
statement!(DELETE_HOLD_DEADLINES, "delete_hold_deadlines.sql");
statement!(UPDATE_TERMS, "update_terms.sql");
statement!(SELECT_STOCK, "select_stock.sql");
statement!(OPEN_STOCK, "open_stock.sql");
statement!(OPEN_STOCK_MOVEMENT, "open_stock_movement.sql");
statement!(OPEN_STOCK_VERSION, "open_stock_version.sql");
statement!(SELECT_OPENING, "select_opening.sql");
statement!(LOCK_GATE, "lock_gate.sql");
statement!(SELECT_NEWEST, "select_newest.sql");
statement!(SELECT_CHANGES, "select_changes.sql");
statement!(SELECT_PINS, "select_pins.sql");
statement!(INSERT_PINS, "insert_pins.sql");
statement!(DELETE_PINS, "delete_pins.sql");
statement!(SELECT_MERGE_MODES, "select_merge_modes.sql");
statement!(SET_MERGE_MODE, "set_merge_mode.sql");
statement!(UNSET_MERGE_MODE, "unset_merge_mode.sql");
statement!(WRITE_MERGE_COUNTS, "write_merge_counts.sql");
statement!(FORGET_MERGE_COUNTS, "forget_merge_counts.sql");
statement!(FORGET_OLD_MERGE_COUNTS, "forget_old_merge_counts.sql");
statement!(SESSION, "session.sql");
statement!(SELECT_SESSION, "select_session.sql");
statement!(SESSION_MIGRATE, "session_migrate.sql");
statement!(PROBE, "probe.sql");
statement!(CHECK_RIGHTS, "check_rights.sql");
statement!(CLOCK_STANDS, "clock_stands.sql");
statement!(SELECT_VIEW_SOURCES, "select_view_sources.sql");
statement!(NOTE_VIEW, "note_view.sql");
statement!(PROMISE_LIFETIME, "promise_lifetime.sql");
statement!(SELECT_ARCHIVE_STATE, "select_archive_state.sql");
statement!(SELECT_ARCHIVABLE, "select_archivable.sql");
statement!(ARCHIVE_MOVEMENTS, "archive_movements.sql");
statement!(LOCK_ARCHIVED_PURCHASES, "lock_archived_purchases.sql");
statement!(CARRY_PURCHASES, "carry_purchases.sql");
statement!(REMOVE_PURCHASES, "remove_purchases.sql");
statement!(CARRY_MOVEMENTS, "carry_movements.sql");
statement!(REMOVE_MOVEMENTS, "remove_movements.sql");
statement!(NOTE_POSITION, "note_position.sql");
statement!(SELECT_OLD_CHANGES, "select_old_changes.sql");
statement!(NOTE_CUT, "note_cut.sql");
statement!(FORGET_CHANGES, "forget_changes.sql");
statement!(SELECT_CUT, "select_cut.sql");
statement!(SELECT_ARCHIVED, "select_archived.sql");
statement!(BEGIN_SNAPSHOT, "begin_snapshot.sql");
statement!(RECONCILE_ABANDON, "reconcile_abandon.sql");
statement!(RECONCILE_ADVANCE, "reconcile_advance.sql");
statement!(RECONCILE_BASE, "reconcile_base.sql");
statement!(RECONCILE_CARRIED, "reconcile_carried.sql");
statement!(RECONCILE_CLAIM, "reconcile_claim.sql");
statement!(RECONCILE_FLUSHES, "reconcile_flushes.sql");
statement!(RECONCILE_FORGET_FAILURE, "reconcile_forget_failure.sql");
statement!(RECONCILE_FORGET_RUNS, "reconcile_forget_runs.sql");
statement!(RECONCILE_INSERT_DRIFT, "reconcile_insert_drift.sql");
statement!(RECONCILE_KEEP_CRON, "reconcile_keep_cron.sql");
statement!(RECONCILE_KEEP_POSITION, "reconcile_keep_position.sql");
statement!(RECONCILE_MEND, "reconcile_mend.sql");
statement!(RECONCILE_MOVEMENTS, "reconcile_movements.sql");
statement!(RECONCILE_NEWEST, "reconcile_newest.sql");
statement!(RECONCILE_NOTE_FAILURE, "reconcile_note_failure.sql");
statement!(RECONCILE_OPEN_RUN, "reconcile_open_run.sql");
statement!(RECONCILE_SELECT_DRIFT, "reconcile_select_drift.sql");
statement!(RECONCILE_SELECT_FAILURES, "reconcile_select_failures.sql");
statement!(RECONCILE_SELECT_RUN, "reconcile_select_run.sql");
statement!(RECONCILE_SELECT_TASK, "reconcile_select_task.sql");
statement!(RECONCILE_SKUS, "reconcile_skus.sql");
statement!(RECONCILE_SOME_STOCK, "reconcile_some_stock.sql");
statement!(RECONCILE_STOCK, "reconcile_stock.sql");
statement!(RECONCILE_SUCCEEDED, "reconcile_succeeded.sql");
statement!(RECONCILE_UNFINISHED, "reconcile_unfinished.sql");
statement!(RECONCILE_VERSIONS, "reconcile_versions.sql");

impl Statement {
    /// From the text of a file, whose comments are left out.
    pub(super) fn parse(source: &str) -> Self {
        let lines = source.lines().filter(|line| !line.starts_with("--"));
        Self { text: lines.collect::<Vec<_>>().join("\n").trim().to_owned() }
    }

    /// The text of a statement without holes.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Appends the statement to `script`; `fill` writes what stands in each hole, given its name.
    pub(super) fn write(&self, script: &mut String, mut fill: impl FnMut(&str, &mut String)) {
        let mut rest = self.text.as_str();
        while let Some((before, hole, after)) = next_hole(rest) {
            script.push_str(before);
            fill(hole, script);
            rest = after;
        }
        script.push_str(rest);
    }
}

fn next_hole(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (hole, after) = rest.split_once('}').expect("a hole of a statement is closed");
    Some((before, hole, after))
}

/// Appends `ROW(…),ROW(…)` in the server's own form.
pub(super) fn write_rows<I: IntoIterator>(
    script: &mut String,
    flavor: Flavor,
    rows: I,
    mut write_row: impl FnMut(&mut String, I::Item),
) {
    let mut first = true;
    for row in rows {
        if !first {
            script.push(',');
        }
        first = false;
        script.push_str(flavor.row());
        script.push('(');
        write_row(script, row);
        script.push(')');
    }
}

/// Appends an identifier of the domain as a literal.
pub(super) fn write_id(script: &mut String, id: &str) {
    debug_assert!(!id.contains(['\'', '\\']), "the domain's identifiers have no quotes");
    script.push('\'');
    script.push_str(id);
    script.push('\'');
}

/// Appends an integer.
pub(super) fn write_int(script: &mut String, value: impl itoa::Integer) {
    script.push_str(itoa::Buffer::new().format(value));
}

/// Appends any text as a hexadecimal literal.
pub(super) fn write_text(script: &mut String, text: &str) {
    script.push_str("_utf8mb4 x'");
    write_hex(script, text);
}

/// Appends an identifier as the database has it, which somebody may have written by hand.
pub(super) fn write_foreign_id(script: &mut String, id: &str) {
    script.push_str("_ascii x'");
    write_hex(script, id);
}

fn write_hex(script: &mut String, text: &str) {
    for byte in text.bytes() {
        write!(script, "{byte:02x}").expect("writing to a string cannot fail");
    }
    script.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_holes_filled() {
        let statement = Statement::parse("-- why\nSELECT {a},\n  {b}\n");
        let mut script = String::new();
        statement.write(&mut script, |hole, script| script.push_str(&hole.to_uppercase()));
        assert_eq!(script, "SELECT A,\n  B");
    }

    #[test]
    fn text_cannot_end_its_literal() {
        let mut script = String::new();
        write_text(&mut script, "a'; DROP TABLE stock -- \\");
        assert_eq!(script, "_utf8mb4 x'61273b2044524f50205441424c452073746f636b202d2d205c'");
    }

    #[test]
    fn rows_take_the_form_of_the_server() {
        for (flavor, expected) in [(Flavor::MySql, "ROW(1),ROW(2)"), (Flavor::MariaDb, "(1),(2)")] {
            let mut script = String::new();
            write_rows(&mut script, flavor, [1, 2], write_int);
            assert_eq!(script, expected);
        }
    }
}
