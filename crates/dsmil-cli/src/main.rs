//! The `dsmil` command. Everything is in the library, which the Python package calls too.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(dsmil_cli::run(std::env::args_os()))
}
