//! The calls of the orders listener.

use serde_json::{Value, json};

use super::call::{
    Call, EVENT_STREAM, JSON, NDJSON, answer, body, in_path, in_query, json_answer, media,
    remembered, replayed,
};
use super::samples;
use super::schemas::Schemas;
use crate::domain::OrderStatus;
use crate::http::route::OrdersRoute;
use crate::http::wire::{
    AdjustmentAnswer, AdjustmentBody, ChangeAnswer, EmptyBody, MemberProblem, OrderAnswer,
    OrderBody, StockAnswer, StockBody,
};
use crate::limits::{BATCH_ORDERS_MAX, CHANGES_PAGE_MAX, STOCK_LIST_SKUS_MAX};

/// What any call with a body may meet.
const BODY: [&str; 4] =
    ["malformed-request", "invalid-value", "too-large", "unsupported-media-type"];
/// What any operation may meet on its way through the lanes.
const LANES: [&str; 4] =
    ["overloaded-lane", "overloaded-process", "database-unavailable", "outcome-unknown"];

pub(super) fn call(route: OrdersRoute<'_>, schemas: &mut Schemas) -> Call {
    match route {
        OrdersRoute::Take => take(schemas),
        OrdersRoute::TakeBatch => take_batch(schemas),
        OrdersRoute::ReadOrder(id) => read_order(id, schemas),
        OrdersRoute::Confirm(id) => confirm(id, schemas),
        OrdersRoute::Cancel(id) => cancel(id, schemas),
        OrdersRoute::ListStock => list_stock(schemas),
        OrdersRoute::ReadStock(sku) => read_stock(sku, schemas),
        OrdersRoute::OpenStock(sku) => open_stock(sku, schemas),
        OrdersRoute::Adjust(sku) => adjust(sku, schemas),
        OrdersRoute::ReadChanges => read_changes(schemas),
    }
}

fn take(schemas: &mut Schemas) -> Call {
    let order = schemas.answer::<OrderAnswer<'_>>();
    let deducted = samples::order(samples::ORDER, OrderStatus::Deducted);
    let held = samples::order(samples::HOLD, OrderStatus::Held);
    let request = media(
        &schemas.request::<OrderBody<'_>>(),
        &[("deduct", samples::parsed(samples::ORDER)), ("hold", samples::parsed(samples::HOLD))],
    );
    let taken = media(&order, &[("deduct", deducted.clone()), ("hold", held)]);
    Call {
        method: "post",
        path: "/v1/orders",
        id: "takeOrder",
        summary: "Takes all lines of an order or none: deducts them, or holds them for a time",
        parameters: Vec::new(),
        body: Some(body(true, json!({ JSON: request }))),
        successes: vec![
            (201, remembered(answer("Executed", json!({ JSON: taken })))),
            (200, replayed(&order, deducted)),
        ],
        problems: [
            &BODY[..],
            &["unknown-sku", "insufficient-stock", "purchase-limit", "sale-not-open"],
            &["order-mismatch", "rate-limited"],
            &LANES,
        ]
        .concat(),
    }
}

fn take_batch(schemas: &mut Schemas) -> Call {
    let member = json!({
        "anyOf": [schemas.answer::<OrderAnswer<'_>>(), schemas.answer::<MemberProblem<'_>>()],
    });
    let results = json!({ "type": "array", "items": member });
    let orders = json!({
        "type": "array",
        "items": schemas.request::<OrderBody<'_>>(),
        "maxItems": BATCH_ORDERS_MAX,
    });
    let lines = |of: &str| json!({ "type": "string", "description": of });
    let request = json!({
        JSON: media(&orders, &[("batch", samples::parsed(samples::BATCH))]),
        NDJSON: media(
            &lines("One OrderBody a line; blank lines are skipped."),
            &[("lines", samples::BATCH_LINES.into())],
        ),
    });
    let content = json!({
        JSON: media(&results, &[("batch", samples::results())]),
        NDJSON: media(
            &lines("One result a line."),
            &[("lines", samples::result_lines().into())],
        ),
    });
    Call {
        method: "post",
        path: "/v1/orders/batch",
        id: "takeOrders",
        summary: "Takes many orders, each alone: one that is refused harms no other",
        parameters: Vec::new(),
        body: Some(body(true, request)),
        successes: vec![(
            200,
            remembered(answer(
                "One result an order, in the order sent and in the form of the request: what the \
                 order would have been answered alone, with that answer's status as `http_status`",
                content,
            )),
        )],
        problems: vec![
            "malformed-request",
            "too-large",
            "too-many-orders",
            "unsupported-media-type",
            "rate-limited",
            "batch-above-quota",
            "overloaded-process",
        ],
    }
}

fn read_order(id: &str, schemas: &mut Schemas) -> Call {
    let order = schemas.answer::<OrderAnswer<'_>>();
    let example = samples::order(samples::ORDER, OrderStatus::Deducted);
    Call {
        method: "get",
        path: "/v1/orders/{order_id}",
        id: "readOrder",
        summary: "The order as the primary database has it",
        parameters: vec![in_path("order_id", id)],
        body: None,
        successes: vec![(200, json_answer("The order", &order, example))],
        problems: vec!["invalid-value", "unknown-order", "database-unavailable"],
    }
}

fn confirm(id: &str, schemas: &mut Schemas) -> Call {
    settle(
        id,
        schemas,
        Call {
            method: "post",
            path: "/v1/orders/{order_id}/confirm",
            id: "confirmOrder",
            summary: "Sells the stock that an order holds; repeats are answered the same",
            parameters: Vec::new(),
            body: None,
            successes: Vec::new(),
            problems: Vec::new(),
        },
        samples::order(samples::HOLD, OrderStatus::Deducted),
    )
}

fn cancel(id: &str, schemas: &mut Schemas) -> Call {
    settle(
        id,
        schemas,
        Call {
            method: "post",
            path: "/v1/orders/{order_id}/cancel",
            id: "cancelOrder",
            summary: "Gives the stock of an order back; repeats are answered the same",
            parameters: Vec::new(),
            body: None,
            successes: Vec::new(),
            problems: Vec::new(),
        },
        samples::order(samples::ORDER, OrderStatus::Cancelled),
    )
}

/// What confirming and cancelling have in common.
fn settle(id: &str, schemas: &mut Schemas, call: Call, example: Value) -> Call {
    let order = schemas.answer::<OrderAnswer<'_>>();
    let nothing = media(&schemas.request::<EmptyBody>(), &[("empty", json!({}))]);
    Call {
        parameters: vec![in_path("order_id", id)],
        body: Some(body(false, json!({ JSON: nothing }))),
        successes: vec![(200, json_answer("The order as it is now", &order, example))],
        problems: [
            &BODY[..],
            &["unknown-order", "unknown-sku", "order-settled", "rate-limited"],
            &LANES,
        ]
        .concat(),
        ..call
    }
}

fn fresh() -> Value {
    in_query(
        "fresh",
        false,
        "Whether to read MySQL in any case, and not the read cache.",
        json!({ "type": "boolean" }),
        json!(true),
    )
}

fn list_stock(schemas: &mut Schemas) -> Call {
    let list = json!({ "type": "array", "items": schemas.answer::<StockAnswer<'_>>() });
    let skus = json!({
        "type": "array",
        "items": { "$ref": "#/components/schemas/Identifier" },
        "minItems": 1,
        "maxItems": STOCK_LIST_SKUS_MAX,
    });
    let example = json!([samples::stock("ticket", 1_050, 2), samples::stock("shirt", 1_000, 1)]);
    Call {
        method: "get",
        path: "/v1/stock",
        id: "listStock",
        summary: "The stock of several SKUs, each once, in the order asked",
        parameters: vec![
            in_query("sku", true, "Once for each SKU.", skus, json!(["ticket", "shirt"])),
            fresh(),
        ],
        body: None,
        successes: vec![(200, json_answer("Stock", &list, example))],
        problems: vec!["malformed-request", "invalid-value", "unknown-sku", "database-unavailable"],
    }
}

fn read_stock(sku: &str, schemas: &mut Schemas) -> Call {
    let stock = schemas.answer::<StockAnswer<'_>>();
    Call {
        method: "get",
        path: "/v1/stock/{sku}",
        id: "readStock",
        summary: "The stock of a SKU",
        parameters: vec![in_path("sku", sku), fresh()],
        body: None,
        successes: vec![(200, json_answer("Stock", &stock, samples::stock(sku, 1_050, 2)))],
        problems: vec!["malformed-request", "invalid-value", "unknown-sku", "database-unavailable"],
    }
}

fn open_stock(sku: &str, schemas: &mut Schemas) -> Call {
    let stock = schemas.answer::<StockAnswer<'_>>();
    let example = samples::stock(sku, 1_000, 1);
    let same = "The SKU was opened with this stock before; its limit and window are as asked";
    let request = media(
        &schemas.request::<StockBody>(),
        &[
            ("all-members", samples::parsed(samples::STOCK_WITH_TERMS)),
            ("least", samples::parsed(samples::STOCK)),
        ],
    );
    Call {
        method: "put",
        path: "/v1/stock/{sku}",
        id: "openStock",
        summary: "Opens a SKU with its opening stock, or changes its purchase limit and sale window",
        parameters: vec![in_path("sku", sku)],
        body: Some(body(true, json!({ JSON: request }))),
        successes: vec![
            (201, json_answer("The SKU is new", &stock, example.clone())),
            (200, json_answer(same, &stock, example)),
        ],
        problems: [
            &BODY[..],
            &["sku-exists", "stock-row-missing", "database-unavailable", "stock-outcome-unknown"],
        ]
        .concat(),
    }
}

fn adjust(sku: &str, schemas: &mut Schemas) -> Call {
    let adjustment = schemas.answer::<AdjustmentAnswer<'_>>();
    let request = media(
        &schemas.request::<AdjustmentBody<'_>>(),
        &[("restock", samples::parsed(samples::ADJUSTMENT))],
    );
    Call {
        method: "post",
        path: "/v1/stock/{sku}/adjustments",
        id: "adjustStock",
        summary: "Restocks or writes off, once for each adjustment id",
        parameters: vec![in_path("sku", sku)],
        body: Some(body(true, json!({ JSON: request }))),
        successes: vec![
            (201, remembered(json_answer("Executed", &adjustment, samples::adjustment()))),
            (200, replayed(&adjustment, samples::adjustment())),
        ],
        problems: [&BODY[..], &["unknown-sku", "insufficient-stock", "order-mismatch"], &LANES]
            .concat(),
    }
}

fn read_changes(schemas: &mut Schemas) -> Call {
    let list = json!({
        "type": "array",
        "items": schemas.answer::<ChangeAnswer<'_>>(),
        "maxItems": CHANGES_PAGE_MAX,
    });
    let events = json!({
        "type": "string",
        "description": "Server-Sent Events without an end: `event: change`, `id:` with the cursor, \
                        `data:` with the change. Comments are signs of life; `Last-Event-ID` resumes.",
    });
    let change = samples::change();
    let event = format!("event: change\nid: 72\ndata: {change}\n\n");
    let content = json!({
        JSON: media(&list, &[("page", json!([change]))]),
        EVENT_STREAM: media(&events, &[("event", event.into())]),
    });
    let cursor = json!({ "type": "string" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": CHANGES_PAGE_MAX });
    Call {
        method: "get",
        path: "/v1/changes",
        id: "readChanges",
        summary: "Committed changes, each once, none skipped, per SKU in commit order",
        parameters: vec![
            in_query(
                "after",
                false,
                "The last cursor that was read; without it from the beginning.",
                cursor,
                json!("0"),
            ),
            in_query("limit", false, "Most changes of one page.", limit, json!(100)),
            json!({
                "name": "Last-Event-ID",
                "in": "header",
                "required": false,
                "description": "Where a stream goes on, like `after`; browsers send it by themselves.",
                "schema": { "type": "string" },
                "example": "0",
            }),
        ],
        body: None,
        successes: vec![(
            200,
            answer("Changes after the cursor; none when nothing more had been answered", content),
        )],
        problems: vec![
            "malformed-request",
            "invalid-value",
            "overloaded-process",
            "database-unavailable",
        ],
    }
}
