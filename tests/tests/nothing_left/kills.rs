//! One of a run's processes is killed, again and again, at every stage.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::process;

use crate::cast::{Cast, INIT, Role, STORY, Stage};
use crate::run::{GONE, Repo, Run};

/// How many are killed.
const KILLS: usize = 300;
/// Longer than any stage lasts, so that every moment of each can be hit.
const LONGEST: Duration = Duration::from_millis(8);

/// Who can be killed when: a helper is there while it has something to do.
const CLASSES: [(Role, &[Stage]); 6] = [
    (Role::Command, ALL),
    (Role::Harness, ALL),
    (Role::Launcher, ALL),
    (Role::Keeper, ALL),
    (Role::Init, ALL),
    (Role::Helper, &[Stage::Exec, Stage::Snapshot]),
];
const ALL: &[Stage] = &[Stage::SetUp, Stage::Boot, Stage::Exec, Stage::Snapshot, Stage::TearDown];

/// The same numbers each time: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % u64::try_from(limit.as_nanos()).unwrap())
    }
}

#[test]
#[serial_test::serial]
fn nothing_is_left_after_kills_at_random_moments() {
    let repo = Repo::new(INIT, STORY);
    // The snapshot that all others compare with; and a run that nobody disturbs.
    let whole = Run::start(&mut repo.fwtest(&["--accept"])).gone_within(GONE);
    assert!(whole.status.success(), "{}", whole.said);
    let before = repo.look();
    assert_eq!(before.files().count(), 0, "{before:?}");

    let classes: Vec<_> = CLASSES
        .iter()
        .flat_map(|(role, stages)| stages.iter().map(|stage| (*role, *stage)))
        .collect();
    let mut random = Random(0x6677_7465_7374);
    let mut hit: BTreeMap<(Role, Stage), usize> = BTreeMap::new();
    let (mut attempts, mut longest) = (0, Duration::ZERO);
    let begin = Instant::now();
    for number in 0..KILLS {
        let (role, stage) = classes[number % classes.len()];
        // The command is there long before anybody else: it lists the tests first.
        let early = role == Role::Command && stage == Stage::SetUp;
        let mut delay = random.below(if early { 4 * LONGEST } else { LONGEST });
        let killed = loop {
            attempts += 1;
            assert!(attempts < 10 * KILLS, "{role} in {stage} is never there: {hit:?}");
            let run = Run::start(&mut repo.fwtest(&[]));
            let killed = kill(&run, role, stage, delay);
            let ended = run.gone_within(GONE);
            let what = format!("{role} killed in {killed:?}");
            match role == Role::Command && killed.is_some() {
                true => repo.assert_only_groups_left(&before, &what),
                false => assert_eq!(repo.look(), before, "{what}"),
            }
            let Some(killed) = killed else {
                assert!(ended.status.success(), "nobody was killed:\n{}", ended.said);
                delay /= 2;
                continue;
            };
            longest = longest.max(ended.took);
            // A look is no freeze: what was seen in the middle of a test may be at its end when the
            // signal comes, and then the test has passed. Where a test cannot end that fast, it
            // has failed. (`verdicts` has tests without an end.)
            let may_pass = !killed.surely || killed.stage > Stage::Boot;
            let fine = match ended.status.code() {
                Some(0) => may_pass,
                Some(100 | 96) => role != Role::Command || may_pass,
                _ => role == Role::Command && ended.status.signal() == Some(9),
            };
            assert!(fine, "{role} killed: {killed:?}: {}\n{}", ended.status, ended.said);
            break killed.stage;
        };
        *hit.entry((role, killed)).or_default() += 1;
    }
    eprintln!(
        "{KILLS} kills in {attempts} runs, {:.1} s; all was gone at most {longest:.1?} later",
        begin.elapsed().as_secs_f64()
    );
    eprintln!("{:<10}{}", "", ALL.iter().map(|stage| format!("{stage:>10}")).collect::<String>());
    for (role, _) in CLASSES {
        let count = |stage: &Stage| hit.get(&(role, *stage)).copied().unwrap_or_default();
        let row: String = ALL.iter().map(|stage| format!("{:>10}", count(stage))).collect();
        eprintln!("{role:<10}{row}");
    }
    let never: Vec<_> = classes.iter().filter(|class| !hit.contains_key(class)).collect();
    assert!(never.is_empty(), "never hit: {never:?}");
}

/// Where a process was hit.
#[derive(Debug)]
struct Killed {
    stage: Stage,
    /// The look that says so was begun less than 5 ms before: the story sleeps for 10 ms.
    surely: bool,
}

/// Kills a process of the run, `delay` after the stage has begun and the process is there. `None`
/// if it ended before.
fn kill(run: &Run, role: Role, wanted: Stage, delay: Duration) -> Option<Killed> {
    let (mut stage, mut due) = (Stage::SetUp, None);
    loop {
        let look = Instant::now();
        let cast = Cast::of(run);
        stage = cast.stage(stage);
        if run.over_already() {
            return None;
        }
        let victim = cast.open(role, run);
        if stage >= wanted && (victim.is_some() || due.is_some()) {
            let due = *due.get_or_insert_with(|| Instant::now() + delay);
            if let Some(victim) = victim
                && Instant::now() >= due
            {
                let hit = process::signal(&victim, Signal::KILL);
                let surely = look.elapsed() < Duration::from_millis(5);
                return hit.then_some(Killed { stage, surely });
            }
        }
        run.pause();
    }
}
