//! The statements of an order that is alone, which a session of flushes has prepared: the server parses them once
//! a session instead of once an order. They are the same files of `sql/statements`.

use std::sync::LazyLock;

use super::connect::{Session, run};
use super::error::{describe, is_answer};
use super::statement::{self as sql, Statement};

/// A statement, under its name in the session.
pub(super) struct PreparedStatement {
    name: &'static str,
    statement: &'static LazyLock<Statement>,
}

pub(super) static INSERT_TAKE_ONE: PreparedStatement =
    PreparedStatement { name: "hotrow_insert_take_one", statement: &sql::INSERT_TAKE_ONE };
pub(super) static UPDATE_STOCK_TAKE_ONE: PreparedStatement = PreparedStatement {
    name: "hotrow_update_stock_take_one",
    statement: &sql::UPDATE_STOCK_TAKE_ONE,
};
pub(super) static INSERT_VERSION_ONE: PreparedStatement =
    PreparedStatement { name: "hotrow_insert_version_one", statement: &sql::INSERT_VERSION_ONE };

impl PreparedStatement {
    const ALL: [&Self; 3] = [&INSERT_TAKE_ONE, &UPDATE_STOCK_TAKE_ONE, &INSERT_VERSION_ONE];

    /// Appends its execution, with the variables that have the names of its holes.
    pub(super) fn write_execute(&self, script: &mut String) {
        script.push_str("EXECUTE ");
        script.push_str(self.name);
        for (index, hole) in self.statement.holes().enumerate() {
            script.push_str(if index == 0 { " USING @" } else { ",@" });
            script.push_str(hole);
        }
    }

    fn write_prepare(&self, script: &mut String) {
        let mut text = String::new();
        self.statement.write(&mut text, |_, text| text.push('?'));
        script.push_str("PREPARE ");
        script.push_str(self.name);
        script.push_str(" FROM '");
        script.push_str(&text.replace('\'', "''"));
        script.push('\'');
    }
}

/// Prepares them. A server that has no room for them (`max_prepared_stmt_count`) gets their texts each time.
pub(super) async fn prepare_statements(session: &mut Session) -> Result<(), sqlx::Error> {
    let mut script = String::new();
    for statement in PreparedStatement::ALL {
        if !script.is_empty() {
            script.push_str(";\n");
        }
        statement.write_prepare(&mut script);
    }
    match run(&mut session.connection, script).await {
        Ok(_) => session.has_prepared_statements = true,
        Err(error) if is_answer(&error) => tracing::info!(
            error = describe(&error),
            "the server prepares no statements; an order that is alone takes it a little longer"
        ),
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_become_placeholders_and_variables_in_their_order() {
        static STATEMENT: LazyLock<Statement> =
            LazyLock::new(|| Statement::parse("SELECT 'x', {b}, {a}, {b}"));
        let prepared = PreparedStatement { name: "it", statement: &STATEMENT };
        let mut script = String::new();
        prepared.write_prepare(&mut script);
        assert_eq!(script, "PREPARE it FROM 'SELECT ''x'', ?, ?, ?'");
        script.clear();
        prepared.write_execute(&mut script);
        assert_eq!(script, "EXECUTE it USING @b,@a,@b");
    }
}
