//! `hotrow pin`: which SKUs every process keeps present in the read cache.

use std::collections::BTreeSet;

use super::AppError;
use crate::domain::Sku;
use crate::limits::{DESK_PATIENCE, PINNED_SKUS_MAX};
use crate::store::mysql::{Address, Desk};

/// What to do with the pinned SKUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// Pins these as well.
    Add(Vec<Sku>),
    /// Pins these no longer.
    Remove(Vec<Sku>),
    /// Changes nothing.
    List,
}

/// Does it, and returns the SKUs that are pinned then, sorted.
///
/// # Errors
/// [`AppError::Pins`] when there would be too many, [`AppError::Store`] when the database cannot be used.
pub async fn pin(address: &Address, pinning: Pinning) -> Result<Vec<Sku>, AppError> {
    let desk = Desk::open(address, 1, DESK_PATIENCE).await?;
    let pinned = desk.pinned().await?;
    match pinning {
        Pinning::Add(skus) => {
            let all: BTreeSet<&Sku> = pinned.iter().chain(&skus).collect();
            if all.len() > PINNED_SKUS_MAX {
                return Err(AppError::Pins { would_be: all.len() });
            }
            desk.pin(&skus).await?;
        }
        Pinning::Remove(skus) => desk.unpin(&skus).await?,
        Pinning::List => {}
    }
    let pinned = desk.pinned().await?;
    desk.close().await;
    Ok(pinned)
}
