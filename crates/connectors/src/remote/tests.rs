//! Programs run with their arguments as they are, end at the deadline, and say how far they came.

use super::*;

fn here() -> Way {
    Way { prefix: Vec::new(), ssh: None }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn arguments_and_input_arrive_as_they_are() {
    let ran = here().run(&["printf", "%s|", "a b", "$(id)", "'"], "", SOON).unwrap();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a b|$(id)|'|"));
    let big = "0123456789".repeat(100_000);
    assert_eq!(here().run(&["cat"], &big, SOON).unwrap().stdout, big);
    let prefixed = Way { prefix: vec!["env".into(), "X=1".into()], ssh: None };
    assert_eq!(prefixed.run(&["sh", "-c", "echo $X"], "", SOON).unwrap().stdout, "1\n");
}

#[test]
fn the_remote_shell_sees_words_and_nothing_else() {
    for word in ["", "a b", "$(id)", "it's", "'; rm -rf / #", "\\", "a\nb"] {
        let shell = format!("printf %s {}", ssh::quote(word));
        let ran = here().run(&["sh", "-c", &shell], "", SOON).unwrap();
        assert_eq!(ran.stdout, word);
    }
}

#[test]
fn what_does_not_end_is_killed_and_is_no_reply() {
    let started = Instant::now();
    let trouble = here().run(&["sleep", "60"], "", Duration::from_millis(100)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::NoReply);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_program_that_is_not_there_changed_nothing() {
    let trouble = here().run(&["no-such-program"], "", SOON).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(trouble.why.contains("no-such-program"), "{trouble}");
    let failed = here().run(&["sh", "-c", "echo sorry >&2; exit 3"], "", SOON).unwrap();
    assert_eq!((failed.code, failed.complaint()), (Some(3), "sorry".to_owned()));
}

#[test]
fn lines_come_until_nobody_listens() {
    let (send, lines) = std::sync::mpsc::channel();
    let told = Box::new(move |line: &str| drop(send.send(line.to_owned())));
    let listening = here().lines(&["sh", "-c", "echo one; echo two; sleep 60"], told).unwrap();
    assert_eq!(lines.recv_timeout(SOON).unwrap(), "one");
    assert_eq!(lines.recv_timeout(SOON).unwrap(), "two");
    drop(listening);
}
