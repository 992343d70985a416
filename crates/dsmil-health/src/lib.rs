//! Checks that really ran, and the health and security scores made of them.

#![forbid(unsafe_code)]
