//! What was measured, and what happened: the store and the health log.

#![forbid(unsafe_code)]
