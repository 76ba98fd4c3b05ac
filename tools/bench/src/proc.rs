//! What the kernel says of processes: their CPU time and their memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// In a second: the kernel counts in hundredths for all who ask, whatever its own clock (USER_HZ).
const TICKS: f64 = 100.0;

/// Of one process.
#[derive(Debug, Clone)]
struct Stat {
    name: String,
    parent: u32,
    /// In user and system mode.
    own_ticks: u64,
    /// With that of children that have ended.
    ticks: u64,
}

/// CPU seconds of a process, of all below it, and of those of them that have ended.
pub fn cpu_seconds(root: u32) -> Option<f64> {
    let all = all();
    all.get(&root)?;
    let is_below = |pid: &u32| {
        let mut at = *pid;
        while at != root {
            match all.get(&at) {
                Some(stat) if stat.parent != 0 => at = stat.parent,
                _ => return false,
            }
        }
        true
    };
    let ticks: u64 = all.iter().filter(|(pid, _)| is_below(pid)).map(|(_, stat)| stat.ticks).sum();
    Some(ticks as f64 / TICKS)
}

/// CPU seconds of this process alone.
pub fn own_cpu_seconds(pid: u32) -> Option<f64> {
    Some(stat(pid)?.own_ticks as f64 / TICKS)
}

/// The parent, if the process is what we think it is: it may run in a container, where numbers differ.
pub fn parent_named(pid: u32, name: &str) -> Option<u32> {
    let all = all();
    let parent = all.get(&pid).filter(|stat| stat.name == name)?.parent;
    all.get(&parent).filter(|stat| stat.name == name).map(|_| parent)
}

/// The process, if it is called so.
pub fn named(pid: u32, name: &str) -> Option<u32> {
    stat(pid).filter(|stat| stat.name.starts_with(name)).map(|_| pid)
}

/// The file that a process runs.
pub fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Resident memory now, or the most there was, in MiB.
pub fn resident(pid: u32, peak: bool) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let name = if peak { "VmHWM:" } else { "VmRSS:" };
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn all() -> BTreeMap<u32, Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name may have spaces and brackets of its own.
fn parse(line: &str) -> Option<Stat> {
    let (before, after) = line.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    let own_ticks = number(11)? + number(12)?;
    let ticks = own_ticks + number(13)? + number(14)?;
    Some(Stat { name: name.to_owned(), parent, own_ticks, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_name_of_the_process() {
        let line = "42 (a) b (c) S 7 1 1 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        let stat = parse(line).expect("a process");
        assert_eq!((stat.name.as_str(), stat.parent), ("a) b (c", 7));
        assert_eq!((stat.own_ticks, stat.ticks), (120, 127));
    }

    #[test]
    fn our_own_memory_is_known_and_its_peak_is_no_less() {
        let pid = std::process::id();
        let (now, peak) = (resident(pid, false).expect("now"), resident(pid, true).expect("peak"));
        assert!(0.0 < now && now <= peak, "{now} {peak}");
    }
}
