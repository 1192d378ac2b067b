//! Everything that is not a flush: reads, opening stock, readiness.
//!
//! Each call runs on a task of its own that its caller cannot cancel: a query future dropped in
//! mid-answer would leave the rest of the answer on the connection for the next user.

use crate::domain::{Available, OrderId, Sku};
use crate::store::{OrderRecord, Readiness, StockOpening, StockRecord, StoreError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {}

impl Desk {
    /// The order as the primary has it, `None` when the ledger has no such order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// The stock of those SKUs that exist, sorted by SKU.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn stock(&self, skus: Vec<Sku>) -> Result<Vec<StockRecord>, StoreError> {
        let _ = skus;
        unimplemented!()
    }

    /// Opens the stock of a SKU, once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was executed, [`StoreError::OutcomeUnknown`] when the
    /// commit's answer was lost; asking again finds out.
    pub async fn open_stock(
        &self,
        sku: Sku,
        available: Available,
    ) -> Result<StockOpening, StoreError> {
        let _ = (sku, available);
        unimplemented!()
    }

    /// Asks the server whether orders can be taken and what it promises.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn readiness(&self) -> Result<Readiness, StoreError> {
        unimplemented!()
    }
}
