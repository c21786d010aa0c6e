//! Whether an act has taken effect everywhere. The model is nodes that poll, or do not, as the design says.

use std::time::Duration;

use portcullis::domain::applied::{CLOCKS_APART, Sign, Standing, Watched};
use portcullis::domain::{Position, Timestamp};
use proptest::prelude::*;

const ACT: Position = Position::new(100);
const MAX_AGE: u64 = 30_000;
/// When the act was committed, by the clock of whoever watches.
const ACTED: i64 = 1_800_000_000_000;

/// A node's polls, in milliseconds from some time before the act, how far its clock is off, and how old its
/// copy may be.
#[derive(Clone, Debug)]
struct Node {
    polls: Vec<i64>,
    off: i64,
    max_age: u64,
}

fn node() -> impl Strategy<Value = Node> {
    let gaps = proptest::collection::vec(1..40_000_i64, 1..12);
    (gaps, -8_000..8_000_i64, 1_000..40_000_u64).prop_map(|(gaps, off, max_age)| {
        let polls = gaps.iter().scan(-60_000, |at, gap| {
            *at += gap;
            Some(*at)
        });
        Node { polls: polls.collect(), off, max_age }
    })
}

impl Node {
    fn last_poll(&self, at: i64) -> Option<i64> {
        self.polls.iter().copied().filter(|poll| *poll <= at).max()
    }

    /// What it said last: how far it was before the poll that carried it.
    fn sign(&self, at: i64) -> Option<Sign> {
        let poll = self.last_poll(at)?;
        let before = self.last_poll(poll - 1);
        let applied = if before.is_some_and(|before| before >= 0) { 100 } else { 99 };
        let seen_at = Timestamp::from_millis(ACTED + poll + self.off);
        Some(Sign { seen_at, applied: Position::new(applied), max_age: Duration::from_millis(self.max_age) })
    }

    /// Whether it admits somebody whom the act keeps out: its copy is fresh, and from before the act.
    fn admits(&self, at: i64) -> bool {
        self.last_poll(at).is_some_and(|poll| poll < 0 && at - poll <= i64::try_from(self.max_age).unwrap())
    }
}

/// How the nodes stand, looked at every so often after the act.
fn standings(nodes: &[Node], every: i64, off: i64, until: i64) -> Vec<(i64, Vec<Standing>)> {
    let mut watched = Watched::new(ACT);
    let look = |at: i64, watched: &mut Watched| {
        let signs = nodes.iter().enumerate().filter_map(|(name, node)| Some((name, node.sign(at)?)));
        signs
            .map(|(name, sign)| {
                let now = Timestamp::from_millis(ACTED + at + off);
                watched.look(&name.to_string(), sign, now, Duration::from_millis(at.try_into().unwrap()))
            })
            .collect()
    };
    let times = (0..).map(|turn| turn * every).take_while(|at| *at <= until);
    times.map(|at| (at, look(at, &mut watched))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn it_is_never_done_while_a_node_admits_somebody_whom_the_act_keeps_out(
        nodes in proptest::collection::vec(node(), 1..4),
        every in 50..3_000_i64,
        off in -8_000..8_000_i64,
    ) {
        for (at, standings) in standings(&nodes, every, off, 100_000) {
            if standings.iter().all(|standing| *standing != Standing::Behind) {
                prop_assert!(!nodes.iter().any(|node| node.admits(at)), "{at}: {standings:?}");
            }
        }
    }

    /// Whatever the clocks say: a node that is cut off at the moment of the act holds nobody up for longer
    /// than its copy may be old.
    #[test]
    fn without_new_signs_of_life_it_is_done_after_the_maximum_age(
        seen in any::<i32>(),
        now in any::<i32>(),
        applied in 0..200_u64,
        every in 50..3_000_u64,
    ) {
        let time = |off: i32| Timestamp::from_millis(ACTED + i64::from(off));
        let max_age = Duration::from_millis(MAX_AGE);
        let sign = Sign { seen_at: time(seen), applied: Position::new(applied), max_age };
        let mut watched = Watched::new(ACT);
        let turns = MAX_AGE / every + 1;
        let last = (0..=turns).map(|turn| watched.look("n", sign, time(now), Duration::from_millis(turn * every)));
        prop_assert_ne!(last.last(), Some(Standing::Behind));
    }
}

#[test]
fn a_node_that_died_long_ago_holds_nobody_up() {
    let mut watched = Watched::new(ACT);
    let now = Timestamp::from_millis(ACTED);
    let dead = now.before(Duration::from_millis(MAX_AGE) + CLOCKS_APART);
    let mut look = |node: &str, seen_at: Timestamp| {
        let max_age = Duration::from_millis(MAX_AGE);
        watched.look(node, Sign { seen_at, applied: Position::new(99), max_age }, now, Duration::ZERO)
    };
    assert_eq!(look("dead", dead.before(Duration::from_millis(1))), Standing::Stale);
    assert_eq!(look("perhaps", dead), Standing::Behind);
    assert_eq!(look("ahead", now.after(Duration::from_hours(1))), Standing::Behind);
}

/// Whoever asks may have other settings, as the shell often has: a node that may be silent for longer was
/// called stale while it still admitted somebody.
#[test]
fn a_node_is_judged_by_the_maximum_age_that_it_has_itself() {
    let mut watched = Watched::new(ACT);
    let now = Timestamp::from_millis(ACTED);
    let mut look = |node: &str, max_age: u64, silent: u64| {
        let sign = Sign { seen_at: now, applied: Position::new(99), max_age: Duration::from_secs(max_age) };
        watched.look(node, sign, now, Duration::from_secs(silent))
    };
    assert_eq!((look("a", 30, 0), look("b", 40, 0)), (Standing::Behind, Standing::Behind));
    assert_eq!((look("a", 30, 31), look("b", 40, 31)), (Standing::Stale, Standing::Behind));
    assert_eq!(look("b", 40, 41), Standing::Stale);
}
