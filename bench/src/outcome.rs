//! How anything of the harness fails: with a text for the person who runs it.

/// Whatever went wrong.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A result with that failure.
pub(crate) type Outcome<T> = Result<T, Failed>;
