//! The most memory that this process has held, as Linux counts it.

use std::fs;

/// Begins to count anew, where the system allows it.
pub(super) fn reset_peak() {
    // Without it the peak is that of the whole run: too much, never too little.
    let _unused = fs::write("/proc/self/clear_refs", "5");
}

/// Bytes held at most since the last reset; `None` where the system does not say.
pub(super) fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
