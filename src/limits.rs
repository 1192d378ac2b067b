//! The bounds that a user can meet, in one place, unit last.
//!
//! First those of the contract, which never change at run time. A default of a setting says so, see
//! [`crate::config`]. Relations between bounds are checked when the crate compiles.

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
/// Longest hold, in seconds.
pub const HOLD_SECONDS_MAX: u32 = 86_400;
/// Largest purchase limit of a SKU, in units.
pub const PURCHASE_LIMIT_MAX: i64 = 1_000_000_000_000;
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

/// Most changes in one page of the change feed.
pub const CHANGES_PAGE_MAX: usize = 1_000;

/// Most orders merged into one flush.
pub const FLUSH_ORDERS_MAX: usize = 2_048;
/// Most ledger rows in one flush; keeps a flush of many-line orders near the size of a full one.
pub const FLUSH_ROWS_MAX: usize = 4_096;
/// A lane without traffic is forgotten after one to two times this, in milliseconds. Orders of ever other SKUs
/// leave a lane each, some hundred bytes, until then.
pub const LANE_REST_MS: u64 = 250;
/// With more lanes than this, one without traffic is forgotten within once that time.
pub const LANES_RESTED_MAX: usize = 16_384;
/// Flushes of one lane in the air: one that commits, one that executes, and, while full ones wait behind
/// these, two that are prepared ahead.
pub const LANE_FLIGHTS_MAX: usize = 4;
/// Attempts after which an order's lanes are flushed apart from all others.
pub const ATTEMPTS_BEFORE_APART: u32 = 2;
/// Attempts after which an order is flushed alone.
pub const ATTEMPTS_BEFORE_ALONE: u32 = 4;

/// Default of `lane_depth_max`: orders waiting in one lane.
pub const LANE_DEPTH_MAX: usize = 50_000;
/// Default of `process_depth_max`: orders accepted and not yet answered, over all lanes.
pub const PROCESS_DEPTH_MAX: usize = 200_000;
/// The default of `connections`, flushes side by side, is the number of processors within these bounds. One flush
/// changes stock while another is prepared; with more of them than processors, each is smaller, and whoever commits
/// waits for one that has lost its processor in the middle of a write.
pub const FLUSH_CONNECTIONS_DEFAULT: std::ops::RangeInclusive<usize> = 2..=4;
/// Flushes beside them, on connections of their own, that step in for those that take longer than
/// [`SLOW_FLUSH_MS`]: they may wait for a lock.
pub const SPARE_CONNECTIONS: usize = 2;
/// A flush that is in the air for so long is slow, in milliseconds. It is well below the second for which the
/// server lets a flush wait for a lock.
pub const SLOW_FLUSH_MS: u64 = 200;
/// Default of `order_deadline_ms`: an order that waits for so long is refused. Each step of a flush may take half of
/// it, and a commit whose answer was lost is given up when the youngest order of its flush has waited for so long.
pub const ORDER_DEADLINE_MS: u64 = 10_000;
/// Longest that a read or an opening of stock waits for the database.
pub const DESK_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Orders that are read together.
pub const LOOKUP_ORDERS_MAX: usize = 1_024;
/// Lines of the holds that a process remembers, so that it need not look them up to settle them.
pub const RECENT_HOLD_LINES_MAX: usize = 131_072;
/// For so long after a session with the server has ended a settlement may arrive that was made from what was read
/// before, in milliseconds: a read waits for a connection and for its answer.
pub const SETTLE_DOUBT_MS: u64 = 2 * DESK_PATIENCE.as_millis() as u64;
/// SKUs whose stock is read by one statement.
pub const LOOKUP_SKUS_MAX: usize = 2_048;
/// Readers of an order, or of stock, that may wait; more wait to wait.
pub const LOOKUPS_WAITING_MAX: usize = 16_384;
/// Holds that expire together.
pub const SWEEP_HOLDS_MAX: usize = 4_096;
/// Pause of a sweep that has found no hold that is due, in milliseconds: so much later than its end a hold
/// may expire.
pub const SWEEP_PAUSE_MS: u64 = 250;
/// How often a sweep looks again at the holds that it could not settle, and at whether another process that
/// sweeps has gone, in milliseconds.
pub const SWEEP_ROUND_MS: u64 = 2_000;
/// How often a process reads the merge modes, in milliseconds.
pub const MERGE_MODE_PAUSE_MS: u64 = 1_000;
/// Most SKUs with a merge mode of their own.
pub const MERGE_MODE_SKUS_MAX: usize = 1_000;
/// How often a process writes what it has counted of them, in milliseconds.
pub const MERGE_COUNT_PAUSE_MS: u64 = 5_000;
/// So long after its last count a process is gone, and its counts are removed, in hours.
pub const MERGE_COUNT_HOURS: u32 = 24;
/// Default of `idempotency_days`: for so many days after its last step an order id is known.
pub const IDEMPOTENCY_DAYS: u32 = 400;
/// Smallest `idempotency_days` that can be set: longer than any hold and any deadline, so that nothing that is under
/// way is archived.
pub const IDEMPOTENCY_DAYS_LEAST: u32 = 2;
/// Largest `idempotency_days` that can be set.
pub const IDEMPOTENCY_DAYS_MOST: u32 = 36_500;
/// Orders that the archive looks at, and moves, in one transaction: few, because whoever sends one of them again
/// waits for it.
pub const ARCHIVE_ORDERS_MAX: usize = 500;
/// Changes that the archive looks at, and forgets, together.
pub const ARCHIVE_CHANGES_MAX: usize = 2_000;
/// Longest that a step of the archive waits for the database.
pub const ARCHIVE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// Largest `process_depth_max` that can be set.
pub const PROCESS_DEPTH_LIMIT: usize = 10_000_000;
/// Largest `connections` that can be set.
pub const FLUSH_CONNECTIONS_LIMIT: usize = 64;
/// Largest `http_connections_max` that can be set.
pub const CONNECTIONS_LIMIT: usize = 65_536;
/// Largest `threads` that can be set.
pub const THREADS_LIMIT: usize = 256;
/// Smallest `order_deadline_ms` that can be set: half of it, the time for one step of a flush, has to
/// be longer than the server lets a flush wait for a lock, which is 1 s (`sql/statements/session.sql`).
pub const ORDER_DEADLINE_LEAST_MS: u64 = 3_000;
/// Largest `order_deadline_ms` that can be set.
pub const ORDER_DEADLINE_MOST_MS: u64 = 120_000;
/// What shutdown waits on top of `order_deadline_ms` for the last answers, in milliseconds.
pub const DRAIN_MARGIN_MS: u64 = 5_000;
/// How long the database may be gone before new orders are refused at once, in milliseconds.
pub const OUTAGE_GRACE_MS: u64 = 1_000;
/// Pause between two attempts to reach a database that is gone, in milliseconds.
pub const RECONNECT_PAUSE_MS: u64 = 200;

/// Default of `http_connections_max`: connections of the orders listener; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Connections of the admin listener; more wait to be accepted.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// Header fields of one request; more are answered 431 by the protocol layer.
pub const HEADERS_MAX: usize = 64;
/// Bytes of one request's head. Room for a stock list of 1,000 SKUs short of the longest.
pub const HEAD_BYTES_MAX: u32 = 96 * 1024;
/// Requests at a time on one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 128;
/// Within this time of being accepted a connection must have sent its first request's head.
pub const HEAD_TIME_MS: u64 = 5_000;
/// A connection without a request for one to two of these is closed, also in the middle of a head.
pub const IDLE_TIME_MS: u64 = 60_000;
/// A body not read whole within this time closes its connection.
pub const BODY_TIME_MS: u64 = 10_000;
/// The same for the body of a batch.
pub const BATCH_BODY_TIME_MS: u64 = 30_000;
/// Bytes of a refused request that are read and forgotten, so that its sender sees the answer.
pub const DISCARD_BYTES_MAX: u64 = 2 * BATCH_BODY_BYTES_MAX as u64;
/// Batch requests that are read or answered at a time; bounds the memory of their bodies to 1 GiB.
pub const BATCH_REQUESTS_MAX: usize = 128;
/// Default of `drain_ms`: how long shutdown waits for answers, and then for connections to end.
pub const DRAIN_MS: u64 = 15_000;
/// How long `/readyz` waits for the database.
pub const READINESS_MS: u64 = 2_000;
/// Lanes that `/v1/lanes` lists when not told.
pub const LANES_TOP: usize = 20;
/// Longest `Retry-After` of a refusal that is not a quota's, in seconds.
pub const RETRY_AFTER_S_MAX: u32 = 3;
/// Access tokens that can be configured; each request is compared with all of them.
pub const TOKENS_MAX: usize = 100;
/// Characters of a parser's complaint that go into a problem's detail: it quotes the caller.
pub const COMPLAINT_CHARS_MAX: usize = 300;

/// Default of `redis_stale_ms`: how old what is served from the cache can be, in milliseconds.
pub const CACHE_STALE_MS: u64 = 2_000;
/// Least `redis_stale_ms` that can be set: hot SKUs are read again four times as often.
pub const CACHE_STALE_LEAST_MS: u64 = 400;
/// Largest `redis_stale_ms` that can be set.
pub const CACHE_STALE_MOST_MS: u64 = 60_000;
/// Rounds of filling all hot SKUs within the time that an entry may be served.
pub const CACHE_REFRESHES: u32 = 4;
/// Longest that a call to the cache waits, in milliseconds; a read then goes to MySQL.
pub const CACHE_PATIENCE_MS: u64 = 100;
/// Readers of a SKU who come within this time share one answer of the cache, in milliseconds.
pub const CACHE_MOMENT_MS: u64 = 10;
/// Longest that connecting to the cache takes, in milliseconds; nobody waits for it.
pub const CACHE_CONNECT_MS: u64 = 1_000;
/// Calls in a row that fail until the cache is not asked any more.
pub const CACHE_FAILURES_MAX: u32 = 3;
/// Pause before the first attempt to use the cache again, in milliseconds; each that fails doubles it.
pub const CACHE_RETRY_MS: u64 = 100;
/// Longest pause between such attempts, in milliseconds.
pub const CACHE_RETRY_MAX_MS: u64 = 2_000;
/// SKUs of one call to the cache.
pub const CACHE_CALL_SKUS_MAX: usize = 1_000;
/// Steps of a patrol, each through about as many keys as one call has SKUs.
pub const CACHE_PATROL_STEPS: usize = 10;
/// Bytes of a value that are read: more than any entry has.
pub const CACHE_VALUE_BYTES_MAX: usize = 128;
/// SKUs that are kept present in the cache, so that all of them are read by one statement.
pub const HOT_SKUS_MAX: usize = 1_000;
/// SKUs that can be pinned, those of the table and those of the settings each.
pub const PINNED_SKUS_MAX: usize = 400;
/// Busiest lanes whose SKUs are kept present in the cache.
pub const HOT_LANES_MAX: usize = 32;
/// How often the busiest lanes and the pinned SKUs are looked up, in milliseconds.
pub const HOT_LOOK_MS: u64 = 1_000;
/// A SKU that nobody reads and no busy lane has is kept present for this long, in milliseconds.
pub const HOT_REST_MS: u64 = 10_000;
/// How long a fill waits after a commit for others to join it, in milliseconds.
pub const FILL_GATHER_MS: u64 = 5;
/// Least time from one fill after commits to the next, in milliseconds: bounds what it costs MySQL to
/// twenty reads a second.
pub const FILL_ROUND_MS: u64 = 50;
/// Flushes whose SKUs wait to be filled; when there are more, all hot SKUs are filled.
pub const FILL_FLUSHES_MAX: usize = 128;
/// SKUs read from MySQL because the cache had nothing, and waiting to be filled; more are not filled.
pub const FILL_MISSES_MAX: usize = 4_096;

/// Changes in one page of the change feed when not told.
pub const CHANGES_PAGE: usize = 100;
/// Readers of the change stream at a time.
pub const CHANGE_READERS_MAX: usize = 64;
/// After this long without a change the change stream sends a comment, in milliseconds.
pub const CHANGE_HEARTBEAT_MS: u64 = 5_000;
/// A reader of the change stream that does not take what is sent for this long is dropped, in
/// milliseconds. What is sent is a page at a time.
pub const CHANGE_READER_PATIENCE_MS: u64 = 10_000;
/// Least time from one look for new changes to the next, for all readers together, in milliseconds.
pub const GATE_PAUSE_MS: u64 = 100;
/// How long a look waits at first for the flushes that have written changes, in milliseconds; each time that is
/// not enough twice as long.
pub const GATE_WAIT_MS: u64 = 100;
/// How long it waits at most. Flushes wait meanwhile, and fail after 1 s (`sql/statements/session.sql`).
pub const GATE_WAIT_MAX_MS: u64 = 400;
/// When it was not enough, it is not tried again for this many times as long.
pub const GATE_REST_FACTOR: u32 = 10;

/// Stock rows that reconciliation reads at a time, each with what its versions say. The server rests within them.
pub const RECONCILE_STOCK_PAGE: usize = 256;
/// Rows of the ledger, or of flushes, that reconciliation reads at a time: about a millisecond's work of the server,
/// with which an order competes for the processor. More than the rows of any order: 50 lines, and as an id of its own
/// an opening and an adjustment.
pub const RECONCILE_PAGE: usize = 512;
/// SKUs that reconciliation compares with the cache at a time; behind each page it notes how far it is.
pub const RECONCILE_CACHE_PAGE: usize = 1_024;
/// SKUs whose sums, and rows of `stock`, reconciliation keeps in memory. For each so many the ledger is read
/// once.
pub const RECONCILE_PASS_SKUS: usize = 1 << 20;
/// Differences of one run that are recorded; more are counted.
pub const RECONCILE_DRIFTS_MAX: usize = 10_000;
/// After each page reconciliation rests this many times as long as the page took, unless the server rests in it.
pub const RECONCILE_REST_FACTOR: u32 = 1;
/// Entries of the cache that seem to be behind, until they are looked at again.
pub const RECONCILE_SUSPECTS_MAX: usize = 10_000;
/// How much longer than the cache is refreshed after an entry that is behind is looked at again, in
/// milliseconds.
pub const RECONCILE_LOOK_MARGIN_MS: u64 = 150;
/// How often changed SKUs, and those that are pinned, are checked in the cache, in milliseconds.
pub const FOLLOW_ROUND_MS: u64 = 250;
/// Pages of the change feed that one such round reads.
pub const FOLLOW_PAGES_MAX: usize = 16;
/// How often a check that fails is tried, each time after twice the pause.
pub const FOLLOW_ATTEMPTS_MAX: u32 = 5;
/// SKUs whose check has failed and is tried again; more are given up at once.
pub const FOLLOW_RETRIES_MAX: usize = 1_000;
/// So many checks that fail, and none that goes well: it is the cache, and nothing is given up.
pub const FOLLOW_FAILURES_MAX: usize = 16;
/// The first of these pauses, in milliseconds.
pub const FOLLOW_RETRY_MS: u64 = 100;
/// How long following pauses when the cache or MySQL cannot be used, in milliseconds; and how often it is seen
/// whether another process that follows has gone.
pub const FOLLOW_OUTAGE_MS: u64 = 1_000;
/// What is found while following is one run for so long, in seconds.
pub const FOLLOW_RUN_S: u64 = 3_600;
/// How often it is seen whether a run is due by the schedule, in milliseconds.
pub const SCHEDULE_LOOK_MS: u64 = 5_000;
/// A run that is asked for waits so long for the cache, in milliseconds.
pub const RECONCILE_CACHE_WAIT_MS: u64 = 5_000;
/// A run that was interrupted is taken up again if it began this many hours ago at most.
pub const RECONCILE_RESUME_HOURS: u32 = 24;
/// Runs and what they found are forgotten after so many days.
pub const RECONCILE_KEEP_DAYS: u32 = 90;

const _: () = assert!(RECONCILE_PAGE > LINES_MAX * 4 + 2);
const _: () = assert!(HOT_SKUS_MAX <= LOOKUP_SKUS_MAX && HOT_SKUS_MAX <= CACHE_CALL_SKUS_MAX);
const _: () = assert!(2 * PINNED_SKUS_MAX + HOT_LANES_MAX <= HOT_SKUS_MAX);
const _: () = assert!(CACHE_STALE_LEAST_MS / CACHE_REFRESHES as u64 >= FILL_ROUND_MS);
const _: () = assert!(CHANGES_PAGE <= CHANGES_PAGE_MAX);
const _: () = assert!(GATE_WAIT_MS <= GATE_WAIT_MAX_MS && GATE_WAIT_MAX_MS < 1_000);
const _: () = assert!(ORDER_DEADLINE_MS < DRAIN_MS);
const _: () = assert!(LANES_TOP <= LANES_TOP_MAX);
const _: () = assert!(FLUSH_ORDERS_MAX <= FLUSH_ROWS_MAX);
const _: () = assert!(LINES_MAX <= FLUSH_ROWS_MAX && LINES_MAX <= u8::MAX as usize);
const _: () = assert!(LANE_DEPTH_MAX <= PROCESS_DEPTH_MAX);
const _: () = assert!(BATCH_ORDERS_MAX <= LANE_DEPTH_MAX);
const _: () = assert!(SWEEP_HOLDS_MAX <= LANE_DEPTH_MAX);
const _: () = assert!(HOLD_SECONDS_MAX < IDEMPOTENCY_DAYS_LEAST * 86_400);
const _: () = assert!(ATTEMPTS_BEFORE_APART < ATTEMPTS_BEFORE_ALONE);
// The deltas of one flush are summed in 64 bits.
const _: () = assert!(
    FLUSH_ROWS_MAX as i64 * ADJUSTMENT_DELTA_MAX < i64::MAX - AVAILABLE_MAX,
    "a flush's sums must fit"
);
