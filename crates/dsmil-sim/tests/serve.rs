//! The served device, met from outside.
