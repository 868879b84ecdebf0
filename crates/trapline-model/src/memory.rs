//! How much memory is left: what the machine can give, and no more than the limits of this process let it take.
//!
//! A batch system such as Slurm puts a job into a control group of the kernel (cgroup), which limits its memory. Groups
//! lie in one another, and each may have a limit; files under `/sys/fs/cgroup` say them, in two versions of the
//! kernel's. `ulimit -v` and `ulimit -d` limit one process. All of it is read from files that only Linux has; what
//! cannot be read limits nothing.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Memory that is left, and what leaves no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Bytes that may still be taken.
    pub bytes: u64,
    /// What sets the limit.
    pub by: Bound,
}

/// What limits memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The machine has no more.
    Machine,
    /// The control group of the job has no more.
    Group,
    /// The process itself may take no more: `ulimit -v` or `ulimit -d`.
    Process,
}

impl Left {
    /// The end of a sentence: "2.0 GiB are there", and within which limit where it is not the machine's.
    pub fn in_words(self) -> String {
        let by = match self.by {
            Bound::Machine => "",
            Bound::Group => " within the memory limit of this job (its cgroup)",
            Bound::Process => " within the memory limit of this process (ulimit)",
        };
        format!("{} are there{by}", in_words(u128::from(self.bytes)))
    }
}

/// Memory that can be taken without swapping; `None` where the system does not say (only Linux does).
pub fn available() -> Option<Left> {
    under(Path::new("/"))
}

/// The same of a system whose files lie under a folder.
fn under(root: &Path) -> Option<Left> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let machine = of_meminfo(&read("proc/meminfo"));
    let group = groups(&read("proc/self/cgroup"), root).into_iter().filter_map(|group| group.left()).min();
    let process = of_limits(&read("proc/self/limits"), &read("proc/self/status"));
    let bounds = [(machine, Bound::Machine), (group, Bound::Group), (process, Bound::Process)];
    // Of equals the first counts.
    bounds.into_iter().filter_map(|(bytes, by)| Some(Left { bytes: bytes?, by })).min_by_key(|left| left.bytes)
}

fn of_meminfo(text: &str) -> Option<u64> {
    of_line(text, "MemAvailable:")
}

/// The number of a line such as `MemAvailable:  2048 kB`, bytes.
fn of_line(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Names of a group's files, which the two versions of control groups call differently.
struct Names {
    /// Where groups lie, under the root of the file system.
    mount: &'static str,
    /// Limits; the least counts.
    limits: &'static [&'static str],
    used: &'static str,
    /// Lines of `memory.stat`: pages of files, which the kernel gives back when memory is short, as `MemAvailable`
    /// counts them.
    given_back: [&'static str; 2],
}

const VERSION_1: Names = Names {
    mount: "sys/fs/cgroup/memory",
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    given_back: ["total_active_file", "total_inactive_file"],
};
/// `memory.high` stops nobody, but a process above it waits for its own pages to be written out again and again.
const VERSION_2: Names = Names {
    mount: "sys/fs/cgroup",
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    given_back: ["active_file", "inactive_file"],
};

/// A folder of control groups, and what its files are called.
struct Group {
    folder: PathBuf,
    names: &'static Names,
}

/// The groups that a process is in, by its file `/proc/self/cgroup`, each with all groups around it.
///
/// A container may see the groups of the machine in the file and find only its own under the mount: folders that are
/// not there limit nothing, and its own lies at the mount.
fn groups(text: &str, root: &Path) -> Vec<Group> {
    let mut found = Vec::new();
    for line in text.lines() {
        // A number, the controllers of version 1 or nothing, the group: "4:memory:/slurm/job_7", "0::/slurm/job_7".
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let names = match controllers {
            "" if number == "0" => &VERSION_2,
            of if of.split(',').any(|controller| controller == "memory") => &VERSION_1,
            _ => continue,
        };
        let mount = root.join(names.mount);
        // A path with ".." leads to a group outside of what this process may see.
        let is_seen =
            Path::new(path).components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let within = if is_seen { path.trim_start_matches('/') } else { "" };
        for folder in mount.join(within).ancestors().take_while(|folder| folder.starts_with(&mount)) {
            found.push(Group { folder: folder.to_owned(), names });
        }
    }
    found
}

impl Group {
    /// Bytes that its limit leaves; `None` where it has none.
    fn left(&self) -> Option<u64> {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).ok();
        // "max" is no limit, and no number.
        let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
        let limit = self.names.limits.iter().filter_map(|name| number(name)).min()?;
        let used = number(self.names.used)?;
        let stat = read("memory.stat").unwrap_or_default();
        let given_back: u64 = stat
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| self.names.given_back.contains(name))
            .filter_map(|(_, pages)| pages.trim().parse::<u64>().ok())
            .fold(0, u64::saturating_add);
        Some(limit.saturating_sub(used.saturating_sub(given_back)))
    }
}

/// Bytes that the process's own limits leave, by its files `/proc/self/limits` and `/proc/self/status`.
fn of_limits(limits: &str, status: &str) -> Option<u64> {
    let left = |limit: &str, used: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        // The soft limit comes first; "unlimited" is no number.
        let most: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(most.saturating_sub(of_line(status, used)?))
    };
    [left("Max address space", "VmSize:"), left("Max data size", "VmData:")].into_iter().flatten().min()
}

/// A number of bytes as people write it.
pub fn in_words(bytes: u128) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A made-up system: files with their texts under a folder of its own.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        folder
    }

    fn left(files: &[(&str, &str)]) -> Option<(u64, Bound)> {
        under(system(files).path()).map(|left| (left.bytes, left.by))
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable:    1048576 kB\n");

    #[test]
    fn what_is_there_is_read() {
        let text = "MemTotal:       24600000 kB\nMemFree:         1000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(of_meminfo(text), Some(2048 * 1024));
        assert_eq!((of_meminfo("MemTotal: 1 kB\n"), of_meminfo("MemAvailable: many kB\n")), (None, None));
        assert_eq!((in_words(512), in_words(3 << 30)), ("512 bytes".to_owned(), "3.0 GiB".to_owned()));
        assert_eq!(left(&[MEMINFO]), Some((1024 * MIB, Bound::Machine)));
        assert_eq!(left(&[]), None);
        // This machine.
        assert!(!cfg!(target_os = "linux") || available().is_some_and(|left| left.bytes > 0));
    }

    #[test]
    fn a_limit_says_whose_it_is() {
        let said = |by| Left { bytes: 2 * MIB, by }.in_words();
        assert_eq!(said(Bound::Machine), "2.0 MiB are there");
        assert_eq!(said(Bound::Group), "2.0 MiB are there within the memory limit of this job (its cgroup)");
        assert_eq!(said(Bound::Process), "2.0 MiB are there within the memory limit of this process (ulimit)");
    }

    /// A job of Slurm under version 2: the limit is the job's, the step below it has none of its own.
    const JOB: [(&str, &str); 7] = [
        MEMINFO,
        ("proc/self/cgroup", "0::/system.slice/job_7/step_0\n"),
        ("sys/fs/cgroup/system.slice/job_7/memory.max", "536870912\n"),
        ("sys/fs/cgroup/system.slice/job_7/memory.current", "104857600\n"),
        ("sys/fs/cgroup/system.slice/job_7/memory.stat", "anon 73400320\nfile 31457280\n"),
        ("sys/fs/cgroup/system.slice/job_7/step_0/memory.max", "max\n"),
        ("sys/fs/cgroup/system.slice/job_7/step_0/memory.current", "1\n"),
    ];

    /// Those files with others in the place of some, or beside them.
    fn job_with<'a>(changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let kept = JOB.iter().copied().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        kept.chain(changed.iter().copied()).collect()
    }

    #[test]
    fn the_least_limit_of_all_groups_counts() {
        let group = |mib: u64| Some((mib * MIB, Bound::Group));
        let of_job = "sys/fs/cgroup/system.slice/job_7/memory.max";
        assert_eq!(left(&JOB), group(412));
        for (name, text, wanted) in [
            ("sys/fs/cgroup/system.slice/job_7/step_0/memory.max", "104857601", group(100)),
            ("sys/fs/cgroup/system.slice/job_7/memory.high", "209715200", group(100)),
            (
                "sys/fs/cgroup/system.slice/job_7/memory.stat",
                "active_file 1048576\ninactive_file 2097152\n",
                group(415),
            ),
            // More than is there, and less than is taken.
            (of_job, "9223372036854771712", Some((1024 * MIB, Bound::Machine))),
            (of_job, "1", group(0)),
            // Broken files, and none: no limit.
            (of_job, "", Some((1024 * MIB, Bound::Machine))),
            (of_job, "-5", Some((1024 * MIB, Bound::Machine))),
            (of_job, "99999999999999999999999999", Some((1024 * MIB, Bound::Machine))),
            ("sys/fs/cgroup/system.slice/job_7/memory.current", "much", Some((1024 * MIB, Bound::Machine))),
            ("sys/fs/cgroup/system.slice/job_7/memory.stat", "active_file many\n\n=\n", group(412)),
            ("proc/self/cgroup", "0:/system.slice/job_7\n\n::\n0\n", Some((1024 * MIB, Bound::Machine))),
            // A group of the machine that a container does not see; its own would lie at the mount.
            ("proc/self/cgroup", "0::/../../job_7\n", Some((1024 * MIB, Bound::Machine))),
            ("proc/meminfo", "nothing", group(412)),
        ] {
            assert_eq!(left(&job_with(&[(name, text)])), wanted, "{name}: {text}");
        }
        let of_container = [
            ("proc/self/cgroup", "0::/docker/abc\n"),
            ("sys/fs/cgroup/memory.max", "3145728\n"),
            ("sys/fs/cgroup/memory.current", "1048576\n"),
        ];
        assert_eq!(left(&job_with(&of_container)), group(2));
    }

    #[test]
    fn groups_of_version_1_are_read() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "5:cpu:/slurm\n4:memory,hugetlb:/slurm/uid_1/job_7\n1:name=memory:/other\n0::/\n"),
            ("sys/fs/cgroup/memory/slurm/uid_1/memory.limit_in_bytes", "3145728\n"),
            ("sys/fs/cgroup/memory/slurm/uid_1/memory.usage_in_bytes", "1048576\n"),
            ("sys/fs/cgroup/memory/slurm/uid_1/memory.stat", "active_file 7\ntotal_inactive_file 1024\n"),
            ("sys/fs/cgroup/memory/slurm/uid_1/job_7/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/slurm/uid_1/job_7/memory.usage_in_bytes", "1048576\n"),
        ];
        assert_eq!(left(&files), Some((2 * MIB + 1024, Bound::Group)));
        // Of another controller the same limit is none.
        let mut other = files;
        other[1].1 = "4:cpu:/slurm/uid_1/job_7\n";
        assert_eq!(left(&other), Some((1024 * MIB, Bound::Machine)));
    }

    #[test]
    fn limits_of_the_process_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max data size             unlimited            unlimited            bytes     \n\
                      Max address space         8388608              unlimited            bytes     \n";
        let status = "Name:\ttrapline\nVmSize:\t    2048 kB\nVmData:\t    1024 kB\n";
        let with =
            |limits: &str, status: &str| left(&[MEMINFO, ("proc/self/limits", limits), ("proc/self/status", status)]);
        assert_eq!(with(limits, status), Some((6 * MIB, Bound::Process)));
        let data = limits.replace("size             unlimited", "size               4194304");
        assert_eq!(with(&data, status), Some((3 * MIB, Bound::Process)));
        assert_eq!(with(limits, "VmSize:\t 1048576 kB\n"), Some((0, Bound::Process)));
        let none = Some((1024 * MIB, Bound::Machine));
        assert_eq!(with(&limits.replace("8388608", "unlimited"), status), none);
        assert_eq!((with(limits, "VmSize: ? kB\n"), with("Max address space\n", status)), (none, none));
    }
}
