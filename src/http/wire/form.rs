//! The forms of the contract's values as JSON Schema, with their bounds from [`crate::limits`].
//!
//! The wire types name them with `#[schemars(with = "…")]`; `/openapi.json` shows them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::limits::{
    ADJUSTMENT_DELTA_MAX, AVAILABLE_MAX, HOLD_SECONDS_MAX, ID_LEN_MAX, PURCHASE_LIMIT_MAX,
    QUANTITY_MAX, REASON_CHARS_MAX,
};

/// Each form becomes a type without values and a schema of the same name.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident => $schema:tt;)+) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

forms! {
    /// An order id, an adjustment id, a SKU or a buyer.
    Identifier => {
        "type": "string",
        "pattern": format!("^[A-Za-z0-9._:-]{{1,{ID_LEN_MAX}}}$"),
        "description": "Compared byte by byte.",
    };
    /// Units of one line.
    Quantity => {
        "type": "integer",
        "minimum": 1,
        "maximum": QUANTITY_MAX,
        "description": "Units. Lines of the same SKU are summed; their sum has the same bounds.",
    };
    /// How long stock is held.
    HoldTime => {
        "type": "integer",
        "minimum": 1,
        "maximum": HOLD_SECONDS_MAX,
        "description": "Seconds.",
    };
    /// Stock of a SKU.
    Stock => {
        "type": "integer",
        "minimum": 0,
        "maximum": AVAILABLE_MAX,
        "description": "Units.",
    };
    /// Units that one buyer may have of a SKU.
    LimitOfPurchase => {
        "type": "integer",
        "minimum": 1,
        "maximum": PURCHASE_LIMIT_MAX,
        "description": "Units that one buyer may have, over all orders, open holds included.",
    };
    /// A restock or a write-off.
    Difference => {
        "type": "integer",
        "minimum": -ADJUSTMENT_DELTA_MAX,
        "maximum": ADJUSTMENT_DELTA_MAX,
        "not": { "const": 0 },
        "description": "Units, positive for a restock, negative for a write-off.",
    };
    /// Why stock was adjusted.
    ReasonText => {
        "type": "string",
        "minLength": 1,
        "maxLength": REASON_CHARS_MAX,
        "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*$",
        "description": "Without control characters.",
    };
    /// A time.
    Time => {
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339, from 1970 on; answers are in UTC with microseconds, by the \
                        database's clock.",
    };
    /// What has become of an order.
    OrderState => {
        "type": "string",
        "enum": ["deducted", "held", "cancelled", "expired"],
    };
    /// Where a stock was read.
    Source => {
        "type": "string",
        "enum": ["mysql", "redis"],
    };
    /// Whether the read cache is used.
    CacheState => {
        "type": "string",
        "enum": ["up", "down"],
    };
    /// What survives a crash.
    Durability => {
        "type": "string",
        "enum": ["power-loss", "process-crash", "weak"],
        "description": "What an acknowledged commit survives.",
    };
    /// Whether orders are merged.
    MergeModeName => {
        "type": "string",
        "enum": ["on", "off", "dry-run"],
        "description": "`on`: what waits together is one transaction; `off`: an order a transaction; \
                        `dry-run`: the same, counted as if merged.",
    };
    /// Which queue is full.
    FullQueue => {
        "type": "string",
        "enum": ["lane", "process"],
    };
}
