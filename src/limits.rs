//! Every bound of the product in one place, unit last.
//!
//! The first group is the contract and never changes at run time; the second holds the defaults of
//! settings, see [`crate::config`]. Relations between bounds are checked when the crate compiles.

/// Longest order id, adjustment id, SKU or buyer, in bytes.
pub const ID_LEN_MAX: usize = 64;
/// Largest quantity of one line after lines of the same SKU were summed, in units.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// Most lines in one order as sent.
pub const LINES_MAX: usize = 50;
/// Largest magnitude of one adjustment, in units.
pub const ADJUSTMENT_DELTA_MAX: i64 = 1_000_000_000_000;
/// `available` never leaves `0..=AVAILABLE_MAX`, in units. `sql/migrations` repeats it as a CHECK.
pub const AVAILABLE_MAX: i64 = 1_000_000_000_000_000;
/// Longest reason of an adjustment, in characters.
pub const REASON_CHARS_MAX: usize = 255;
/// Most orders in one batch request.
pub const BATCH_ORDERS_MAX: usize = 10_000;
/// Largest body of a batch request, in bytes.
pub const BATCH_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest body of any other request, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most SKUs in one stock list request.
pub const STOCK_LIST_SKUS_MAX: usize = 1_000;
/// Most lanes that `/v1/lanes` lists.
pub const LANES_TOP_MAX: usize = 1_000;

/// Most orders merged into one flush.
pub const FLUSH_ORDERS_MAX: usize = 2_048;
/// Most ledger rows in one flush; keeps a flush of many-line orders near the size of a full one.
pub const FLUSH_ROWS_MAX: usize = 4_096;
/// Most orders that one lane gives before the other ready lanes get their turn.
pub const LANE_TURN_ORDERS_MAX: usize = 512;
/// Flushes of one lane in the air: one that executes, one that commits.
pub const LANE_FLIGHTS_MAX: usize = 2;
/// Attempts after which an order's lanes are flushed apart from all others.
pub const ATTEMPTS_BEFORE_APART: u32 = 2;
/// Attempts after which an order is flushed alone.
pub const ATTEMPTS_BEFORE_ALONE: u32 = 4;

/// Default of `lane_depth_max`: orders waiting in one lane.
pub const LANE_DEPTH_MAX: usize = 50_000;
/// Default of `process_depth_max`: orders accepted and not yet answered, over all lanes.
pub const PROCESS_DEPTH_MAX: usize = 200_000;
/// Default of `connections`: flushes that may be in the air, each on its own database connection.
pub const FLUSH_CONNECTIONS: usize = 4;
/// Default of `order_deadline_ms`: after this long an order is answered, known or not.
pub const ORDER_DEADLINE_MS: u64 = 10_000;
/// How long the database may be gone before new orders are refused at once, in milliseconds.
pub const OUTAGE_GRACE_MS: u64 = 1_000;
/// Pause between two attempts to reach a database that is gone, in milliseconds.
pub const RECONNECT_PAUSE_MS: u64 = 200;

const _: () = assert!(LANE_TURN_ORDERS_MAX <= FLUSH_ORDERS_MAX);
const _: () = assert!(FLUSH_ORDERS_MAX <= FLUSH_ROWS_MAX);
const _: () = assert!(LINES_MAX <= FLUSH_ROWS_MAX && LINES_MAX <= u8::MAX as usize);
const _: () = assert!(LANE_DEPTH_MAX <= PROCESS_DEPTH_MAX);
const _: () = assert!(BATCH_ORDERS_MAX <= LANE_DEPTH_MAX);
const _: () = assert!(ATTEMPTS_BEFORE_APART < ATTEMPTS_BEFORE_ALONE);
// The deltas of one flush are summed in 64 bits.
const _: () = assert!(
    FLUSH_ROWS_MAX as i64 * ADJUSTMENT_DELTA_MAX < i64::MAX - AVAILABLE_MAX,
    "a flush's sums must fit"
);
