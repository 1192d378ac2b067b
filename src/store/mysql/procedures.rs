//! The stored procedure for an order that is alone, kept as `sql/procedures` has it. Orders do not need it.

use sqlx::MySqlConnection;

use super::connect::run;
use super::error::{describe, is_answer, is_uncallable};
use super::statement::{Statement, write_id, write_int};
use crate::domain::{OrderId, Sku};
use crate::engine::FlushId;

const TAKE_ONE: &str = include_str!("../../../sql/procedures/take_one.sql");

/// Appends the call that writes an order of one line up to its commit.
pub(super) fn write_take_one(
    script: &mut String,
    order: &OrderId,
    sku: &Sku,
    units: i64,
    flush: FlushId,
) {
    script.push_str("CALL take_one(");
    write_id(script, order.as_str());
    script.push(',');
    write_id(script, sku.as_str());
    script.push(',');
    write_int(script, units);
    script.push(',');
    write_int(script, flush.0);
    script.push(')');
}

/// True if this account can call it. No order has no id, so the call that finds that out writes nothing; a procedure
/// that takes that is somebody else's.
pub(super) async fn are_callable(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let called = run(connection, "CALL take_one(NULL, NULL, NULL, NULL)".to_owned()).await;
    let callable = match called {
        Ok(_) => false,
        Err(error) if is_answer(&error) => !is_uncallable(&error),
        Err(error) => return Err(error),
    };
    run(connection, "ROLLBACK".to_owned()).await?;
    Ok(callable)
}

/// Makes it. If the server refuses that, the log tells why.
pub(super) async fn make(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    match run(connection, Statement::parse(TAKE_ONE).text().to_owned()).await {
        Ok(_) => Ok(()),
        Err(error) if is_answer(&error) => {
            tracing::warn!(
                error = describe(&error),
                "the procedure take_one could not be made; an order that is alone takes a little longer"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::mysql::statement as sql;

    /// Words and signs alone, so that lines may be broken otherwise.
    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn it_does_what_the_statements_do() {
        let body = words(Statement::parse(TAKE_ONE).text());
        for statement in
            [&sql::INSERT_TAKE_ONE, &sql::UPDATE_STOCK_TAKE_ONE, &sql::INSERT_VERSION_ONE]
        {
            let mut text = String::new();
            statement.write(&mut text, |hole, text| {
                text.push_str(match hole {
                    "order_id" => "the_order",
                    "sku" => "the_sku",
                    "units" => "the_units",
                    "delta" => "-the_units",
                    "flush_id" => "the_flush",
                    "orders" => "1",
                    other => panic!("what the procedure has for {other}"),
                });
            });
            assert!(body.contains(&format!(" {};", words(&text))), "{text}\nis not in\n{body}");
        }
    }

    #[test]
    fn a_call_has_its_arguments_in_their_order() {
        let mut script = String::new();
        let order = OrderId::new("order_id", "o-7").unwrap();
        write_take_one(&mut script, &order, &Sku::new("mug").unwrap(), 3, FlushId(9));
        assert_eq!(script, "CALL take_one('o-7','mug',3,9)");
    }
}
