//! Finds paths that fractional or whole choices leave too open.
//!
//! Given how far each node is closed (0 open, 1 shut), looks for a path from a
//! start to a target whose closure sums to less than 1. It searches from both
//! ends in turns and stops with whichever side is exhausted first, so that the
//! cost is that of the smaller side of the cut. Closure is in fixed point:
//! the same search on every machine.
//!
//! A column that removes two nodes of a path counts twice here, so a fractional
//! violation may be missed; a whole one never is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::case::Case;
use crate::gates::NONE;
use crate::labels::NEVER;
use crate::scratch::Lent;

/// Wholly shut.
pub(crate) const SHUT: u32 = 1 << 30;
/// A path is too open when its closure is below this.
const LIMIT: u32 = SHUT - (1 << 11);

/// Where a path may end, and how much counts as closed before the first step.
pub(crate) type Target = (u32, u32);

/// The search, with its memory.
#[derive(Debug)]
pub(crate) struct Scout<'a> {
    case: &'a Case<'a>,
    /// Per node, how far it is closed.
    closure: Lent<'a, u32>,
    raised: Vec<(u32, u32)>,
    /// Per node, [`START`], [`ENTRENCHED`] or 0.
    start: Lent<'a, u32>,
    /// Per target, one more than its offset.
    goal: Lent<'a, u32>,
    ahead: Side<'a>,
    behind: Side<'a>,
    /// Links looked at so far.
    pub(crate) work: u64,
}

const START: u32 = 1;
const ENTRENCHED: u32 = 2;

#[derive(Debug)]
struct Side<'a> {
    /// Per node that was reached, one more than how far it is, and from where.
    far: Lent<'a, (u32, u32)>,
    queue: BinaryHeap<Reverse<(u32, u32, u32)>>,
    work: u64,
}

enum Step {
    Going,
    Exhausted,
    Found(u32),
}

impl<'a> Scout<'a> {
    pub(crate) fn new(case: &'a Case<'a>) -> Self {
        let memory = &case.net.memory;
        let mut start = memory.small.lend();
        for at in &case.starts {
            start.set(at.node, if at.entrenched { ENTRENCHED } else { START });
        }
        Self {
            case,
            closure: memory.small.lend(),
            raised: Vec::new(),
            start,
            goal: memory.small.lend(),
            ahead: Side::new(case),
            behind: Side::new(case),
            work: 0,
        }
    }

    /// Closes the nodes of a column by a share.
    pub(crate) fn close(&mut self, column: u32, share: u32) {
        let net = self.case.net;
        for &node in &net.columns[column].nodes {
            self.raise(node, self.closure[node].saturating_add(share).min(SHUT));
        }
    }

    /// Shuts every node of a path that something could cut.
    pub(crate) fn shut_path(&mut self, path: &[u32]) {
        let net = self.case.net;
        for &node in path.iter().filter(|&&node| !net.cover[node].is_empty()) {
            self.raise(node, SHUT);
        }
    }

    fn raise(&mut self, node: u32, to: u32) {
        self.raised.push((node, self.closure[node]));
        self.closure.set(node, to);
    }

    /// A point to which [`Scout::reopen`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.raised.len()
    }

    /// Takes back everything closed since `mark`.
    pub(crate) fn reopen(&mut self, mark: usize) {
        while self.raised.len() > mark {
            if let Some((node, before)) = self.raised.pop() {
                self.closure.set(node, before);
            }
        }
    }

    /// Finds a path to one of the targets that is too open.
    ///
    /// `guided` follows the labels towards assets; it is for targets that are assets.
    pub(crate) fn find(&mut self, targets: &[Target], guided: bool) -> Option<Vec<u32>> {
        for &(node, offset) in targets {
            let known = self.goal[node];
            if known == 0 || known > offset + 1 {
                self.goal.set(node, offset + 1);
            }
        }
        let found = self.search(targets, guided);
        self.goal.clear();
        self.work += self.ahead.work + self.behind.work;
        found
    }

    fn search(&mut self, targets: &[Target], guided: bool) -> Option<Vec<u32>> {
        if let Some(path) = self.begin(targets, guided) {
            return Some(path);
        }
        loop {
            if self.ahead.work <= self.behind.work {
                match self.step_ahead(guided) {
                    Step::Going => {}
                    Step::Exhausted => return None,
                    Step::Found(node) => {
                        let mut path = self.ahead.trace(node);
                        path.reverse();
                        return Some(path);
                    }
                }
            } else {
                match self.step_behind() {
                    Step::Going => {}
                    Step::Exhausted => return None,
                    Step::Found(node) => return Some(self.behind.trace(node)),
                }
            }
        }
    }

    fn begin(&mut self, targets: &[Target], guided: bool) -> Option<Vec<u32>> {
        self.ahead.begin();
        self.behind.begin();
        for start in &self.case.starts {
            let far = if start.entrenched { 0 } else { self.closure[start.node] };
            let hint = if guided { self.case.net.labels.of(start.node) } else { 0 };
            if far < LIMIT && hint != NEVER {
                self.ahead.reach(start.node, far, hint, NONE);
            }
        }
        for &(node, offset) in targets {
            if self.start[node] == ENTRENCHED && offset < LIMIT {
                return Some(vec![node]);
            }
            let far = offset.saturating_add(self.closure[node]);
            if far < LIMIT {
                self.behind.reach(node, far, 0, NONE);
            }
        }
        None
    }

    fn step_ahead(&mut self, guided: bool) -> Step {
        let Some((far, _, node)) = self.ahead.pop() else { return Step::Exhausted };
        let goal = self.goal[node];
        if goal != 0 && far.saturating_add(goal - 1) < LIMIT {
            return Step::Found(node);
        }
        let net = self.case.net;
        for &(next, _) in &net.next[node] {
            self.ahead.work += 1;
            let hint = if guided { net.labels.of(next) } else { 0 };
            let there = far + self.closure[next];
            if there < LIMIT && hint != NEVER {
                self.ahead.reach(next, there, hint, node);
            }
        }
        Step::Going
    }

    fn step_behind(&mut self) -> Step {
        let Some((far, depth, node)) = self.behind.pop() else { return Step::Exhausted };
        if self.start[node] != 0 {
            return Step::Found(node);
        }
        let net = self.case.net;
        for &before in &net.back[node] {
            self.behind.work += 1;
            let entrenched = self.start[before] == ENTRENCHED;
            let there = if entrenched { far } else { far + self.closure[before] };
            if there < LIMIT {
                self.behind.reach(before, there, depth + 1, node);
            }
        }
        Step::Going
    }
}

impl<'a> Side<'a> {
    fn new(case: &Case<'a>) -> Self {
        Self { far: case.net.memory.pairs.lend(), queue: BinaryHeap::new(), work: 0 }
    }

    fn begin(&mut self) {
        self.far.clear();
        self.queue.clear();
        self.work = 0;
    }

    #[inline]
    fn reach(&mut self, node: u32, far: u32, hint: u32, from: u32) {
        let (known, _) = self.far[node];
        if known != 0 && known <= far + 1 {
            return;
        }
        self.far.set(node, (far + 1, from));
        self.queue.push(Reverse((far, hint, node)));
    }

    fn pop(&mut self) -> Option<(u32, u32, u32)> {
        while let Some(Reverse((far, hint, node))) = self.queue.pop() {
            self.work += 1;
            if self.far[node].0 == far + 1 {
                return Some((far, hint, node));
            }
        }
        None
    }

    fn trace(&self, node: u32) -> Vec<u32> {
        let mut path = vec![node];
        let (_, mut at) = self.far[node];
        while at != NONE {
            path.push(at);
            (_, at) = self.far[at];
        }
        path
    }
}
