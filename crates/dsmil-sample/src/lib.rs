//! Samplers: what is measured, on a steady clock.

#![forbid(unsafe_code)]
