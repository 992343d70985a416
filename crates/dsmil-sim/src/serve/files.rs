//! The file system: three files in one directory.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dsmil_protocol::{Direction, RequestCode};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags,
    KernelConfig, LockOwner, OpenAccMode, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyIoctl,
    ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

use super::late::LateAnswers;
use super::{COUNTERS_FILE, DEVICE_FILE, FAULTS_FILE};
use crate::{Faults, Model};

const ROOT: INodeNo = INodeNo::ROOT;
const DEVICE: INodeNo = INodeNo(2);
const COUNTERS: INodeNo = INodeNo(3);
const FAULTS: INodeNo = INodeNo(4);

const ENTRIES: [(INodeNo, &str); 3] = [(DEVICE, DEVICE_FILE), (COUNTERS, COUNTERS_FILE), (FAULTS, FAULTS_FILE)];

/// The most bytes that a fault file may have.
const FAULTS_LIMIT: usize = 1 << 20;

/// Bytes for the argument of the requests that occur often; only SCAN_DEVICES needs more.
const SMALL_ARGUMENT: usize = 256;

/// What the server and the file system both hold.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) model: Mutex<Model>,
    /// The server has been stopped: whoever still has the device open gets ENODEV.
    pub(super) ended: AtomicBool,
    open: AtomicUsize,
}

impl Shared {
    pub(super) const fn new(model: Model) -> Self {
        Self { model: Mutex::new(model), ended: AtomicBool::new(false), open: AtomicUsize::new(0) }
    }

    pub(super) fn open_files(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

/// An open `counters.json` or `faults.toml`: its text as this client sees it.
#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    /// Written to since it was last taken over.
    written: bool,
}

#[derive(Debug)]
pub(super) struct Files {
    shared: Arc<Shared>,
    late: LateAnswers,
    texts: Mutex<HashMap<u64, Text>>,
    next_handle: AtomicU64,
    mode: u16,
    started: SystemTime,
    uid: u32,
    gid: u32,
}

/// The time since boot, on the clock that other programs have as CLOCK_MONOTONIC.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the kernel may keep the names: they never change.
const NAMES_LAST: Duration = Duration::from_hours(1);

/// How long it may keep the attributes. Sizes change; and a server that was killed is found out by the
/// first `stat` only if that isn't answered from memory.
const ATTRIBUTES_LAST: Duration = Duration::ZERO;

impl Files {
    pub(super) fn new(shared: Arc<Shared>, mode: u16) -> Self {
        Self {
            shared,
            late: LateAnswers::default(),
            texts: Mutex::default(),
            next_handle: AtomicU64::new(1),
            mode,
            started: SystemTime::now(),
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
        }
    }

    fn text_of(&self, ino: INodeNo) -> Vec<u8> {
        let model = locked(&self.shared.model);
        match ino {
            COUNTERS => model.counters().to_json().into_bytes(),
            FAULTS => model.faults().to_toml().into_bytes(),
            _ => Vec::new(),
        }
    }

    fn attributes(&self, ino: INodeNo, fh: Option<FileHandle>) -> Option<FileAttr> {
        let (kind, perm) = match ino {
            ROOT => (FileType::Directory, 0o755),
            DEVICE => (FileType::RegularFile, self.mode),
            COUNTERS => (FileType::RegularFile, 0o444),
            FAULTS => (FileType::RegularFile, 0o600),
            _ => return None,
        };
        let open = fh.and_then(|fh| locked(&self.texts).get(&fh.0).map(|text| text.bytes.len()));
        let size = open.unwrap_or_else(|| self.text_of(ino).len()) as u64;
        let at = self.started;
        Some(FileAttr {
            ino,
            size,
            blocks: size.div_ceil(512),
            atime: at,
            mtime: at,
            ctime: at,
            crtime: at,
            kind,
            perm,
            nlink: if ino == ROOT { 2 } else { 1 },
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn reply_attributes(&self, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino, fh) {
            Some(attributes) => reply.attr(&ATTRIBUTES_LAST, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open_device(&self, reply: ReplyOpen) {
        let ended = self.shared.ended.load(Ordering::Acquire);
        let answer = if ended { Err(nix::errno::Errno::ENODEV) } else { locked(&self.shared.model).open() };
        match answer {
            Ok(()) => {
                self.shared.open.fetch_add(1, Ordering::AcqRel);
                // Nothing of the device is ever cached, and closing it has nothing to write back.
                reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH);
            }
            Err(errno) => reply.error(Errno::from_i32(errno as i32)),
        }
    }

    fn open_text(&self, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        // Root passes the mode, which says the same.
        if ino == COUNTERS && (flags.acc_mode() != OpenAccMode::O_RDONLY || flags.0 & libc::O_TRUNC != 0) {
            return reply.error(Errno::EACCES);
        }
        let truncated = flags.0 & libc::O_TRUNC != 0;
        let bytes = if truncated { Vec::new() } else { self.text_of(ino) };
        let handle = self.next_handle.fetch_add(1, Ordering::Relaxed);
        locked(&self.texts).insert(handle, Text { bytes, written: truncated });
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO);
    }

    /// Takes over what was written to `faults.toml`. An empty text waits for the last close: a shell opens a
    /// file, empties it, and closes a copy before anything has been written.
    fn take_over(&self, fh: FileHandle, last: bool) -> Result<(), Errno> {
        let mut texts = locked(&self.texts);
        let Some(text) = texts.get_mut(&fh.0).filter(|text| text.written && (last || !text.bytes.is_empty())) else {
            return Ok(());
        };
        text.written = false;
        let read = std::str::from_utf8(&text.bytes).map_err(|_| Errno::EINVAL)?;
        let faults = Faults::parse(read, Path::new(FAULTS_FILE)).map_err(|_| Errno::EINVAL)?;
        locked(&self.shared.model).set_faults(faults);
        Ok(())
    }

    /// Carries out a request on the device. `argument` holds what the caller gave.
    fn carry_out(&self, code: u32, argument: &mut [u8], reply: ReplyIoctl) {
        let answer = locked(&self.shared.model).ioctl(now(), code, argument);
        let result = answer.result.map_or_else(|errno| -(errno as i32), |()| 0);
        // Also when the request failed: the kernel copies what it gets, and READ_DEVICE fills the record always.
        let fills = RequestCode::from_code(code).is_some_and(|r| matches!(r.direction(), Direction::Read | Direction::ReadWrite));
        let data: &[u8] = if fills { argument } else { &[] };
        if answer.delay.is_zero() {
            reply.ioctl(result, data);
        } else {
            self.late.send(answer.delay, result, data, reply);
        }
    }
}

impl Filesystem for Files {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        // Emptying at open then comes with the open. Where the kernel can't, `setattr` hears of it.
        let _ = config.add_capabilities(InitFlags::FUSE_ATOMIC_O_TRUNC);
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = ENTRIES.iter().find(|entry| parent == ROOT && name == entry.1);
        match found.and_then(|entry| self.attributes(entry.0, None)) {
            Some(attributes) => {
                reply.entry_with_ttls(&NAMES_LAST, &ATTRIBUTES_LAST, &attributes, Generation(0));
            }
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        self.reply_attributes(ino, fh, reply);
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if mode.is_some() || uid.is_some() || gid.is_some() {
            return reply.error(Errno::EPERM);
        }
        if let Some(size) = size.filter(|_| ino == FAULTS) {
            let Some(size) = usize::try_from(size).ok().filter(|size| *size <= FAULTS_LIMIT) else {
                return reply.error(Errno::EFBIG);
            };
            match fh.and_then(|fh| locked(&self.texts).get_mut(&fh.0).map(|text| resize(text, size))) {
                Some(()) => {}
                None if size == 0 => locked(&self.shared.model).set_faults(Faults::none()),
                None => return reply.error(Errno::EINVAL),
            }
        }
        self.reply_attributes(ino, fh, reply);
    }

    fn open(&self, _req: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match ino {
            DEVICE => self.open_device(reply),
            COUNTERS | FAULTS => self.open_text(ino, flags, reply),
            _ => reply.error(Errno::EISDIR),
        }
    }

    fn read(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let texts = locked(&self.texts);
        // The real driver has no read(2).
        let Some(text) = texts.get(&fh.0) else { return reply.error(Errno::EINVAL) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.bytes.len());
        let to = from.saturating_add(size as usize).min(text.bytes.len());
        reply.data(&text.bytes[from..to]);
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut texts = locked(&self.texts);
        let Some(text) = texts.get_mut(&fh.0).filter(|_| ino == FAULTS) else { return reply.error(Errno::EINVAL) };
        let Some(from) = usize::try_from(offset).ok().filter(|from| from.saturating_add(data.len()) <= FAULTS_LIMIT) else {
            return reply.error(Errno::EFBIG);
        };
        let to = from + data.len();
        if text.bytes.len() < to {
            resize(text, to);
        }
        text.bytes[from..to].copy_from_slice(data);
        text.written = true;
        reply.written(data.len() as u32);
    }

    fn flush(&self, _req: &Request, _ino: INodeNo, fh: FileHandle, _lock_owner: LockOwner, reply: ReplyEmpty) {
        match self.take_over(fh, false) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn fsync(&self, _req: &Request, _ino: INodeNo, fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        match self.take_over(fh, true) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn release(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        // Nobody hears of an error here; only an empty text comes this far, and that has none.
        let _ = self.take_over(fh, true);
        locked(&self.texts).remove(&fh.0);
        self.shared.open.fetch_sub(1, Ordering::AcqRel);
        reply.ok();
    }

    fn readdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if ino != ROOT {
            return reply.error(Errno::ENOTDIR);
        }
        let dots = [(ROOT, FileType::Directory, "."), (ROOT, FileType::Directory, "..")];
        let all = dots.into_iter().chain(ENTRIES.map(|(ino, name)| (ino, FileType::RegularFile, name)));
        for (next, (ino, kind, name)) in (1..).zip(all).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(ino, next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn ioctl(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: IoctlFlags,
        cmd: u32,
        in_data: &[u8],
        out_size: u32,
        reply: ReplyIoctl,
    ) {
        if ino != DEVICE {
            return reply.error(Errno::ENOTTY);
        }
        if self.shared.ended.load(Ordering::Acquire) {
            return reply.error(Errno::ENODEV);
        }
        let size = in_data.len().max(out_size as usize);
        let (mut small, mut large) = ([0; SMALL_ARGUMENT], Vec::new());
        let argument = if size <= SMALL_ARGUMENT {
            &mut small[..size]
        } else {
            large.resize(size, 0);
            &mut large[..]
        };
        argument[..in_data.len()].copy_from_slice(in_data);
        self.carry_out(cmd, argument, reply);
    }
}

fn resize(text: &mut Text, size: usize) {
    text.bytes.resize(size, 0);
    text.written = true;
}
