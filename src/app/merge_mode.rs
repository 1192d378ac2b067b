//! `hotrow merge-mode`: shows and changes what every process goes by.

use super::AppError;
use crate::domain::{MergeMode, Sku};
use crate::limits::{DESK_PATIENCE, MERGE_MODE_SKUS_MAX};
use crate::store::mysql::{Address, Desk, MergeTable};

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeModeChange {
    /// This mode holds.
    Set(MergeMode),
    /// None is set any more.
    Unset,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeModeRun {
    /// What is set.
    Shown(MergeTable),
    /// The change is in the database.
    Changed,
    /// There was nothing to remove.
    NothingToUnset,
    /// As many SKUs as may have a mode of their own.
    TooMany {
        /// How many that is.
        most: usize,
    },
}

/// Changes the merge mode of a SKU, or of all SKUs that have none of their own; without a change it reads what is
/// set, of the SKU alone if one is given.
///
/// # Errors
/// [`AppError::Store`] when the database does not answer.
pub async fn merge_mode(
    address: &Address,
    sku: Option<&Sku>,
    change: Option<MergeModeChange>,
) -> Result<MergeModeRun, AppError> {
    let desk = Desk::open(address, 1, DESK_PATIENCE).await?;
    let run = match change {
        None => {
            let mut table = desk.merge_modes().await?;
            if let Some(sku) = sku {
                table.modes.own.retain(|own, _| own == sku);
            }
            MergeModeRun::Shown(table)
        }
        Some(MergeModeChange::Set(mode)) if desk.set_merge_mode(sku, mode).await? => {
            MergeModeRun::Changed
        }
        Some(MergeModeChange::Set(_)) => MergeModeRun::TooMany { most: MERGE_MODE_SKUS_MAX },
        Some(MergeModeChange::Unset) if desk.unset_merge_mode(sku).await? => MergeModeRun::Changed,
        Some(MergeModeChange::Unset) => MergeModeRun::NothingToUnset,
    };
    desk.close().await;
    Ok(run)
}
