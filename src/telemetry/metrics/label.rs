//! The closed sets of values that labels have.

/// An enum whose variants are the values of a label.
macro_rules! label {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as the label has it.
            #[must_use]
            $vis fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

label! {
    /// What an operation was answered.
    pub enum VerdictKind {
        /// Committed now.
        Done = "done",
        /// Committed by an earlier try.
        Replayed = "replayed",
        /// Refused for lack of stock.
        InsufficientStock = "insufficient_stock",
        /// Refused: no such SKU.
        UnknownSku = "unknown_sku",
        /// Refused: the id is known with other content.
        Mismatch = "mismatch",
        /// Refused: the buyer would have more than one buyer may.
        PurchaseLimit = "purchase_limit",
        /// Refused: the SKU is not sold now.
        SaleNotOpen = "sale_not_open",
        /// Refused: the order has another final state.
        Settled = "settled",
        /// Refused for another reason.
        OtherRefusal = "other_refusal",
        /// Not executed: its lane is full.
        OverloadedLane = "overloaded_lane",
        /// Not executed: the process is full.
        OverloadedProcess = "overloaded_process",
        /// Not executed: the database cannot be used.
        DatabaseUnavailable = "database_unavailable",
        /// Not executed: the process is shutting down.
        Draining = "draining",
        /// Committed or not, nobody could tell in time.
        Unknown = "unknown",
    }
}

label! {
    /// How a flush was run.
    pub enum FlushMode {
        /// One order that was alone, committed in the message that wrote it.
        AtOnce = "at_once",
        /// One guarded update a SKU, without reading first.
        Merged = "merged",
        /// Rows locked and read, every order decided in memory.
        Deciding = "deciding",
    }
}

label! {
    /// How a flush ended.
    pub enum FlushOutcome {
        /// Its orders are committed.
        Committed = "committed",
        /// Every order was refused or known: there was nothing to write.
        NothingToWrite = "nothing_to_write",
        /// Rolled back: an id is in the ledger already.
        Duplicate = "duplicate",
        /// Rolled back: a guarded update did not match its row.
        Guard = "guard",
        /// Rolled back: another session held a lock for too long.
        LockWait = "lock_wait",
        /// Rolled back by the server: deadlock or serialization failure.
        Conflict = "conflict",
        /// The connection was lost before the commit was sent.
        Lost = "lost",
        /// The server refuses writes.
        NotWritable = "not_writable",
        /// The server refused a statement for a reason that this build does not expect.
        Statement = "statement",
        /// The commit was sent and its answer lost.
        CommitUnknown = "commit_unknown",
    }
}

label! {
    /// How the search for a lost commit ended.
    pub enum ResolutionOutcome {
        /// The first commit had landed.
        Landed = "landed",
        /// It had not; the orders were executed now or decided anew.
        NotLanded = "not_landed",
        /// Nobody could tell in time.
        GaveUp = "gave_up",
    }
}

label! {
    /// The merge modes.
    pub enum MergeKind {
        /// What waits together is one transaction.
        On = "on",
        /// An order a transaction.
        Off = "off",
        /// The same, counted as if merged.
        DryRun = "dry-run",
    }
}

label! {
    /// What the cache had for a reader.
    pub enum CacheRead {
        /// An entry that was served.
        Hit = "hit",
        /// Nothing.
        Miss = "miss",
        /// An entry that was older than readers may be told, or from a time to come.
        Stale = "stale",
        /// Something that is no entry.
        Malformed = "malformed",
        /// The cache is down, or did not answer in time.
        Unavailable = "unavailable",
    }
}

label! {
    /// How an entry of the cache stood to what MySQL had when it was asked afterwards.
    pub enum CacheEntry {
        /// There was none.
        Missing = "missing",
        /// The same.
        Same = "same",
        /// An earlier state.
        Behind = "behind",
        /// A later state than there is: a lie, or the database lost commits.
        Ahead = "ahead",
        /// Other figures at the same version: a lie, or `stock` was changed by hand.
        Wrong = "wrong",
        /// Something that is no entry.
        Malformed = "malformed",
        /// The SKU is not there any more.
        Gone = "gone",
    }
}

label! {
    /// Why a call to the cache came to nothing.
    pub enum CacheFailure {
        /// No answer in time.
        Timeout = "timeout",
        /// The connection was lost, or could not be made.
        Lost = "lost",
        /// Redis refused it.
        Refused = "refused",
    }
}

label! {
    /// The two HTTP listeners.
    pub enum ListenerName {
        /// Orders and stock.
        Orders = "orders",
        /// Health, metrics, lanes.
        Admin = "admin",
    }
}

label! {
    /// The status codes that the contract knows.
    pub(super) enum AnswerStatus {
        /// 200.
        Ok = "200",
        /// 201.
        Created = "201",
        /// 400.
        MalformedRequest = "400",
        /// 401.
        Unauthorized = "401",
        /// 403.
        Forbidden = "403",
        /// 404.
        NotFound = "404",
        /// 405.
        MethodNotAllowed = "405",
        /// 409.
        Conflict = "409",
        /// 413.
        TooLarge = "413",
        /// 415.
        UnsupportedMediaType = "415",
        /// 422.
        InvalidValue = "422",
        /// 429.
        RateLimited = "429",
        /// 503.
        Unavailable = "503",
        /// 504.
        OutcomeUnknown = "504",
        /// Anything else; stays 0 as long as the contract is kept.
        Other = "other",
    }
}

impl AnswerStatus {
    pub(super) fn of(status: u16) -> Self {
        match status {
            200 => Self::Ok,
            201 => Self::Created,
            400 => Self::MalformedRequest,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            415 => Self::UnsupportedMediaType,
            422 => Self::InvalidValue,
            429 => Self::RateLimited,
            503 => Self::Unavailable,
            504 => Self::OutcomeUnknown,
            _ => Self::Other,
        }
    }
}

label! {
    /// How a run of reconciliation by its schedule ended.
    pub enum RunOutcome {
        /// Everything was compared.
        Done = "done",
        /// The books were compared, the cache could not be.
        BooksOnly = "books_only",
        /// It did not get through the books, and is tried again.
        Failed = "failed",
    }
}

label! {
    /// What kind of difference reconciliation has found.
    #[derive(PartialOrd, Ord)]
    pub enum DriftClass {
        /// The cache has an older version than MySQL, for longer than filling takes.
        CacheBehind = "cache_behind",
        /// The cache has a version that MySQL never had.
        CacheAhead = "cache_ahead",
        /// The cache has other units at the same version, or something that is no stock record.
        CacheWrong = "cache_wrong",
        /// The cache has nothing of a SKU that is pinned there.
        CacheMissing = "cache_missing",
        /// The ledger was changed by hand: its movements are not what the flushes wrote.
        LedgerDrift = "ledger_drift",
        /// `held` is not what is in open holds.
        HeldDrift = "held_drift",
        /// The stock row was changed by something else than hotrow.
        ChangedOutside = "changed_outside",
        /// The movements of an order contradict each other.
        OrderState = "order_state",
    }
}

impl DriftClass {
    /// The class of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }
}
