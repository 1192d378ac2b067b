//! The rules of merging and deciding, as plain code: events in, actions out.
