//! Whether orders of a SKU may share a transaction.

use super::InvalidValue;

/// Whether the orders of a SKU are merged. The more it forbids, the greater it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MergeMode {
    /// What waits together is written together.
    #[default]
    On,
    /// An order a transaction, counted as if merged.
    DryRun,
    /// An order a transaction.
    Off,
}

impl MergeMode {
    /// Every mode, in the order in which people are told of them.
    pub const ALL: [Self; 3] = [Self::On, Self::Off, Self::DryRun];

    /// # Errors
    /// [`InvalidValue`] for the field `mode` when the text is none of the names.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let mode = Self::ALL.into_iter().find(|mode| mode.name() == text);
        mode.ok_or_else(|| InvalidValue::new("mode", "is none of on, off and dry-run"))
    }

    /// The mode as text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::DryRun => "dry-run",
        }
    }

    /// True when orders may share a transaction.
    #[must_use]
    pub const fn merges(self) -> bool {
        matches!(self, Self::On)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for mode in MergeMode::ALL {
            assert_eq!(MergeMode::new(mode.name()), Ok(mode));
        }
        for text in ["", "ON", "dry_run", "on "] {
            assert_eq!(MergeMode::new(text).unwrap_err().field, "mode");
        }
    }

    #[test]
    fn of_several_lines_the_one_that_forbids_most_decides() {
        assert!(MergeMode::On < MergeMode::DryRun && MergeMode::DryRun < MergeMode::Off);
    }
}
