//! The audit log: verifying it.

use std::ffi::{CString, c_char};

use dsmil::audit::{Report, verify};

use crate::call::call;
use crate::failure::Failure;
use crate::pointer::{Out, fill, free, handle, path, shared};
use crate::status::dsmil_status;

/// Room for a hash as text, with the zero at its end.
pub const DSMIL_HASH_BYTES: usize = 65;

/// What a verification found, in numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_audit_summary {
    /// Sound records read.
    pub records: u64,
    /// The first record's number; 0 in an empty log.
    pub first_seq: u64,
    /// The last record's number; 0 in an empty log.
    pub last_seq: u64,
    /// What is wrong: how many findings, beyond those that the report holds too.
    pub findings: u64,
    /// Repairs that the log itself tells of.
    pub repairs: u64,
    /// Begun records without an end.
    pub unfinished: u64,
    /// Whether nothing is wrong.
    pub is_clean: bool,
    /// The last record's hash, 64 hexadecimal digits.
    pub head_hash: [c_char; DSMIL_HASH_BYTES],
}

/// One thing that is wrong. Its texts belong to the report.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_audit_finding {
    /// What happened: "changed", "removed", "added", "reordered", "torn", "truncated", "malformed", "unsealed".
    pub kind: *const c_char,
    /// The file in the log's directory.
    pub file: *const c_char,
    /// In words.
    pub detail: *const c_char,
    /// The line in the file, from 1; 0 when it is about the whole file.
    pub line: u64,
    /// The record's number, if has_seq.
    pub seq: u64,
    /// Whether seq means something.
    pub has_seq: bool,
}

/// The report of a verification. It never changes, so that threads may share it.
pub struct dsmil_audit_report {
    summary: dsmil_audit_summary,
    findings: Vec<Finding>,
}

struct Finding {
    kind: CString,
    file: CString,
    detail: CString,
    line: u64,
    seq: Option<u64>,
}

impl From<&Report> for dsmil_audit_report {
    fn from(report: &Report) -> Self {
        let text = |text: &str| CString::new(text.replace('\0', "\\0")).unwrap_or_default();
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|finding| Finding {
                kind: text(&finding.kind.to_string()),
                file: text(&finding.file),
                detail: text(&finding.detail),
                line: finding.line,
                seq: finding.seq,
            })
            .collect();
        let summary = dsmil_audit_summary {
            records: report.records,
            first_seq: report.first_seq,
            last_seq: report.last_seq,
            findings: findings.len() as u64 + report.left_off,
            repairs: report.repairs.len() as u64,
            unfinished: report.unfinished.len() as u64,
            is_clean: report.is_clean(),
            head_hash: fill(&report.head_hash),
        };
        Self { summary, findings }
    }
}

/// Verifies the audit log in a directory (the folder `audit` of a run directory). What is wrong with the log is no error
/// but in the report.
///
/// *report is to be freed with dsmil_audit_report_free(). Blocks as long as reading the log takes, and up to 5 s for its
/// writers. Any thread. Errors: DSMIL_ERROR_NULL, _AUDIT (there is no log, or it can't be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_audit_verify(directory: *const c_char, report: *mut *mut dsmil_audit_report) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(report, "report") }?;
        // SAFETY: the header asks for a string.
        let found = verify(unsafe { path(directory, "directory") }?, None)?;
        out.set(handle(dsmil_audit_report::from(&found)));
        Ok(())
    })
}

/// The numbers of a report.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_audit_report_summary(
    report: *const dsmil_audit_report,
    summary: *mut dsmil_audit_summary,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(summary, "summary") }?;
        // SAFETY: the header asks for NULL or a live report.
        out.set(unsafe { shared(report, "report") }?.summary);
        Ok(())
    })
}

/// One finding of a report, by its position from 0; it holds at most 1,024. Its texts belong to the report.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_audit_report_finding(
    report: *const dsmil_audit_report,
    index: usize,
    finding: *mut dsmil_audit_finding,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(finding, "finding") }?;
        // SAFETY: the header asks for NULL or a live report.
        let report = unsafe { shared(report, "report") }?;
        let missing = || Failure::argument("index", &format!("{index} where the report holds {}", report.findings.len()));
        let found = report.findings.get(index).ok_or_else(missing)?;
        out.set(dsmil_audit_finding {
            kind: found.kind.as_ptr(),
            file: found.file.as_ptr(),
            detail: found.detail.as_ptr(),
            line: found.line,
            seq: found.seq.unwrap_or_default(),
            has_seq: found.seq.is_some(),
        });
        Ok(())
    })
}

/// Frees a report. NULL is fine. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_audit_report_free(report: *mut dsmil_audit_report) {
    // SAFETY: the header asks for NULL or a report that is not used again.
    unsafe { free(report) }
}
