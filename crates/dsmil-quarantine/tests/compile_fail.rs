//! What has not been cleared can't be asked for: programs that try must not compile.
//!
//! The messages are committed beside the programs; `TRYBUILD=overwrite` writes them anew.

#[test]
fn a_program_that_goes_round_the_quarantine_does_not_compile() {
    let cases = trybuild::TestCases::new();
    // That the ordinary way compiles shows that the others fail for their own reason.
    cases.pass("tests/compile_fail/pass/the_ordinary_way.rs");
    cases.compile_fail("tests/compile_fail/*.rs");
}
