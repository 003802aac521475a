//! Programs as checks: what they may answer, what they are given, and that nothing of them is left.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pointsman::control::event::ProbeTicket;
use pointsman::health::observation::FaultClass::{Local, Reset, Status, Timeout};
use pointsman::health::observation::Phase::{Body, Connect, FirstByte};
use pointsman::model::check::{CheckKind, ExecCheck, Target};
use tempfile::TempDir;

use super::Expect::{Bad, Good};
use super::{hold, next, probe, runner, target};

const BUDGET: Duration = Duration::from_secs(10);

fn exec(program: impl Into<PathBuf>, arguments: &[&str]) -> Target {
    let kind = CheckKind::Exec(ExecCheck {
        program: program.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
    });
    target(kind, "192.0.2.7:5432".parse::<SocketAddr>().unwrap())
}

fn shell(script: &str) -> Target {
    exec("/bin/sh", &["-c", script])
}

/// Live processes (not zombies) of the process group `group`.
fn alive_in(group: u32) -> Vec<u32> {
    processes()
        .into_iter()
        .filter(|process| process.group == group && process.state != 'Z')
        .map(|process| process.number)
        .collect()
}

struct Process {
    number: u32,
    state: char,
    parent: u32,
    group: u32,
}

fn processes() -> Vec<Process> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path.join("stat")).ok()?;
        let mut words = text.rsplit_once(") ")?.1.split(' ');
        Some(Process {
            number: path.file_name()?.to_str()?.parse().ok()?,
            state: words.next()?.chars().next()?,
            parent: words.next()?.parse().ok()?,
            group: words.next()?.parse().ok()?,
        })
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| read(&entry.unwrap().path()))
        .collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// A file into which a script writes the number of its group, and that number.
struct Note(TempDir);

impl Note {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("group")
    }

    fn group(&self) -> Option<u32> {
        std::fs::read_to_string(self.path()).ok()?.trim().parse().ok()
    }
}

#[tokio::test]
async fn the_exit_status_is_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, [0x7f, b'E', b'L', b'F', 0, 0]).unwrap();
    std::fs::set_permissions(&garbage, PermissionsExt::from_mode(0o755)).unwrap();
    let cases = [
        ("good", exec("/bin/true", &[]), Good("exit status 0")),
        (
            "says so",
            shell("echo all is well; echo more"),
            Good("exit status 0: all is well"),
        ),
        (
            "no shell",
            exec("/bin/echo", &["$HOME; *"]),
            Good("exit status 0: $HOME; *"),
        ),
        (
            "bad",
            exec("/bin/false", &[]),
            Bad(FirstByte, Status, "exit status 1"),
        ),
        (
            "on stderr",
            shell("echo disk full >&2; exit 2"),
            Bad(Body, Status, "exit status 2: disk full"),
        ),
        (
            "highest",
            shell("exit 255"),
            Bad(FirstByte, Status, "exit status 255"),
        ),
        (
            "a signal",
            shell("kill -9 $$"),
            Bad(FirstByte, Reset, "killed by signal 9"),
        ),
        (
            "crash",
            shell("echo oh; kill -SEGV $$"),
            Bad(Body, Reset, "killed by signal 11: oh"),
        ),
        (
            "not there",
            exec("/nowhere/x", &[]),
            Bad(Connect, Local, "cannot start /nowhere/x: No such file"),
        ),
        (
            "no program",
            exec(&garbage, &[]),
            Bad(Connect, Local, "cannot start "),
        ),
        (
            "a folder",
            exec("/etc", &[]),
            Bad(Connect, Local, "cannot start /etc: Permission denied"),
        ),
    ];
    for (case, target, expect) in cases {
        hold(case, &probe(&target, BUDGET).await, &expect).unwrap();
    }
}

#[tokio::test]
async fn the_environment_is_cleared_and_says_what_is_probed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("environment");
    let script = format!("env | sort > {0}; pwd >> {0}; cat >> {0}", kept.display());
    hold(
        "env",
        &probe(&shell(&script), BUDGET).await,
        &Good("exit status 0"),
    )
    .unwrap();
    let mut told = std::fs::read_to_string(&kept).unwrap();
    // What the shell itself adds.
    for own in [
        "PWD=/\n",
        "SHLVL=0\n",
        "SHLVL=1\n",
        "_=/usr/bin/env\n",
        "OLDPWD=/\n",
    ] {
        told = told.replace(own, "");
    }
    assert_eq!(
        told,
        "PATH=/usr/bin:/bin:/usr/sbin:/sbin\nPOINTSMAN_ADDRESS=192.0.2.7\nPOINTSMAN_CHECK=test\nPOINTSMAN_PORT=5432\n/\n"
    );
    let mut portless = exec("/usr/bin/env", &[]);
    portless.port = 0;
    portless.address = "2001:db8::7".parse().unwrap();
    let script = format!("env > {}", kept.display());
    portless.check = shell(&script).check;
    hold("no port", &probe(&portless, BUDGET).await, &Good("exit status 0")).unwrap();
    let told = std::fs::read_to_string(&kept).unwrap();
    assert!(told.contains("POINTSMAN_ADDRESS=2001:db8::7\n"), "{told}");
    assert!(!told.contains("POINTSMAN_PORT"), "{told}");
}

#[tokio::test]
async fn the_timeout_kills_grandchildren_too() {
    for deaf in ["", "trap '' TERM INT HUP;"] {
        let note = Note::new();
        let script = format!(
            "{deaf} sleep 600 & (sleep 600; true) & echo begun; echo $$ > {}; wait",
            note.path().display()
        );
        let (runner, mut events) = runner(1);
        runner.probe(ProbeTicket(1), &shell(&script), Duration::from_secs(2));
        until("it runs with its children", || {
            note.group().is_some_and(|group| alive_in(group).len() >= 4)
        })
        .await;
        let seen = next(&mut events).await;
        hold(deaf, &seen, &Bad(FirstByte, Timeout, "killed with its children")).unwrap();
        assert_eq!(seen.evidence.body, b"begun\n");
        let group = note.group().unwrap();
        until("none is left", || alive_in(group).is_empty()).await;
        runner.stop().await;
    }
}

#[tokio::test]
async fn children_left_behind_are_killed_and_not_waited_for() {
    let note = Note::new();
    let script = format!("sleep 600 & echo $$ > {}; echo done", note.path().display());
    let seen = probe(&shell(&script), BUDGET).await;
    hold("left behind", &seen, &Good("exit status 0: done")).unwrap();
    let group = note.group().unwrap();
    until("none is left", || alive_in(group).is_empty()).await;
    // One that left the group holds the pipe: neither is it waited for.
    let seen = probe(&shell("setsid sleep 3 & echo done"), BUDGET).await;
    hold("escaped", &seen, &Good("exit status 0: done")).unwrap();
    assert!(seen.phases.total < Duration::from_secs(3), "{:?}", seen.phases);
}

#[tokio::test]
async fn a_forgotten_probe_is_killed_with_its_children() {
    let note = Note::new();
    let script = format!("sleep 600 & echo $$ > {}; wait", note.path().display());
    let (runner, mut events) = runner(1);
    runner.probe(ProbeTicket(1), &shell(&script), Duration::from_secs(3600));
    until("it runs", || {
        note.group().is_some_and(|group| alive_in(group).len() == 2)
    })
    .await;
    let group = note.group().unwrap();
    runner.forget(ProbeTicket(1));
    until("none is left", || alive_in(group).is_empty()).await;
    runner.stop().await;
    assert!(events.try_recv().is_err(), "no event of a forgotten probe");
}

#[tokio::test]
async fn a_flood_of_output_neither_blocks_nor_is_kept() {
    let script = "head -c 20000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero >&2; exit 3";
    let seen = probe(&shell(script), BUDGET).await;
    hold("flood", &seen, &Bad(Body, Status, "exit status 3: xxx")).unwrap();
    assert_eq!(seen.evidence.body, [b'x'; 256]);
    assert!(seen.evidence.text.len() < 150, "{}", seen.evidence.text);
    let seen = probe(&shell("exec yes"), Duration::from_millis(500)).await;
    hold(
        "endless",
        &seen,
        &Bad(FirstByte, Timeout, "killed with its children"),
    )
    .unwrap();
    assert!(seen.phases.total < Duration::from_secs(3), "{:?}", seen.phases);
}

#[tokio::test]
async fn no_more_programs_run_at_once_than_allowed_and_waiting_costs_them_nothing() {
    // `runner` of these tests allows three.
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().display();
    let script = format!("touch {run}/$$; ls {run} | wc -l; sleep 0.3; rm {run}/$$");
    let (runner, mut events) = runner(100);
    for ticket in 0..12 {
        runner.probe(ProbeTicket(ticket), &shell(&script), Duration::from_secs(3));
    }
    let mut most = HashSet::new();
    for _ in 0..12 {
        let seen = next(&mut events).await;
        hold("bounded", &seen, &Good("exit status 0: ")).unwrap();
        let count = seen.evidence.text.rsplit(' ').next().unwrap();
        most.insert(count.parse::<u32>().unwrap());
    }
    assert_eq!(most.iter().max(), Some(&3), "{most:?}");
    assert!(
        runner.load().longest_wait >= Duration::from_millis(900),
        "{:?}",
        runner.load()
    );
    runner.stop().await;
}

#[test]
fn a_thousand_runs_leave_nothing() {
    // In a process of its own: other tests have children and descriptors too.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "probes::exec::a_thousand_runs"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
#[ignore = "run in a process of its own, which counts its children and descriptors"]
async fn a_thousand_runs() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let children = || {
        let own = std::process::id();
        processes().iter().filter(|process| process.parent == own).count()
    };
    let (runner, mut events) = runner(3);
    let kinds = [
        exec("/bin/true", &[]),
        exec("/bin/false", &[]),
        exec("/nowhere", &[]),
        exec("/bin/sleep", &["600"]),
    ];
    let mut before = None;
    for round in 0..25 {
        for nth in 0..40 {
            let target = &kinds[nth % kinds.len()];
            runner.probe(
                ProbeTicket(round * 40 + nth as u64),
                target,
                Duration::from_millis(100),
            );
        }
        for _ in 0..40 {
            next(&mut events).await;
        }
        // The first round opens what the runtime keeps for itself.
        let now = descriptors();
        assert!(
            now <= *before.get_or_insert(now) + 2,
            "{now} descriptors after {round} rounds, {before:?} before"
        );
    }
    until("no child is left, not even a zombie", || children() == 0).await;
    runner.stop().await;
}
