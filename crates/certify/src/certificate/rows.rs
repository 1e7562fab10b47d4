//! The rows of a certificate, each checked against the estate and turned into a linear form.
//!
//! A form says: its terms add up to at least its right side, for every choice
//! of withdrawals that is sound. `model::plan::Row` tells why for each kind.

use cordon_model::estate::Withdrawal;
use cordon_model::plan::{Objective, Row, Stage};
use cordon_model::{Mode, Money, NodeId, NodeIx, WithdrawalId, WithdrawalIx};

use super::columns::column_of;
use super::{Complaints, multiplier};
use crate::case::Case;
use crate::paths;
use crate::stopping::{Gate, Item, Owner};

/// A variable of the problem, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Variable {
    /// The column is raised.
    Raised(WithdrawalIx),
    /// The node or service is down, or the inner gate fails.
    Down(Item),
    /// The asset at this position is lost.
    Lost(u32),
}

/// A linear form that is at least `right` for every sound choice.
#[derive(Debug)]
pub(crate) struct Form {
    /// Position among the rows as written.
    pub(crate) at: usize,
    pub(crate) multiplier: u64,
    pub(crate) right: i128,
    /// Every variable once.
    pub(crate) terms: Vec<(Variable, i128)>,
    /// The nodes of its path, if it has one.
    pub(crate) walk: Vec<NodeIx>,
}

/// Reads the rows of a stage; those that do not hold are complained of and left out.
pub(crate) fn read(
    case: &Case<'_>,
    stage: &Stage,
    lost: Money,
    complaints: &mut Complaints<'_>,
) -> Vec<Form> {
    let reader = Reader { case, objective: stage.objective, lost };
    let mut forms = Vec::with_capacity(stage.rows.len());
    for (at, row) in stage.rows.iter().enumerate() {
        let multiplier = multiplier(row);
        if multiplier == 0 {
            complaints.about(at, "bad-row", "has the multiplier 0");
        }
        match reader.form(row) {
            Ok(Read { right, terms, walk }) => {
                forms.push(Form { at, multiplier, right, terms: merge(terms), walk });
            }
            Err(why) => complaints.about(at, "bad-row", &why),
        }
    }
    forms
}

/// What rows are sorted by: kind, then fields as listed but for the multiplier.
pub(crate) fn key(row: &Row) -> impl Ord + '_ {
    const NO_PATH: &[NodeId] = &[];
    const NO_CHILDREN: &[u32] = &[];
    match row {
        Row::Path { path, asset, .. } => {
            (0, path.as_slice(), asset.as_str(), "", 0, NO_CHILDREN, NO_PATH)
        }
        Row::Need { owner, gate, children, .. } => {
            (1, NO_PATH, owner.as_str(), "", *gate, children.as_slice(), NO_PATH)
        }
        Row::Stop { withdrawal, node, .. } => {
            (2, NO_PATH, withdrawal.as_str(), node.as_str(), 0, NO_CHILDREN, NO_PATH)
        }
        Row::Cap { kind, .. } => (3, NO_PATH, kind.as_str(), "", 0, NO_CHILDREN, NO_PATH),
        Row::Enforcer { withdrawal, path, .. } => {
            (4, NO_PATH, withdrawal.as_str(), "", 0, NO_CHILDREN, path.as_slice())
        }
        Row::Exclusive { withdrawal, by, .. } => {
            (5, NO_PATH, withdrawal.as_str(), by.as_str(), 0, NO_CHILDREN, NO_PATH)
        }
        Row::Lost { .. } => (6, NO_PATH, "", "", 0, NO_CHILDREN, NO_PATH),
    }
}

fn merge(mut terms: Vec<(Variable, i128)>) -> Vec<(Variable, i128)> {
    terms.sort_unstable();
    terms.dedup_by(|after, before| {
        let same = after.0 == before.0;
        if same {
            before.1 += after.1;
        }
        same
    });
    terms
}

pub(super) type Terms = Vec<(Variable, i128)>;

/// What a row says, as far as it can be read.
struct Read {
    right: i128,
    terms: Terms,
    walk: Vec<NodeIx>,
}

impl Read {
    fn new((right, terms): (i128, Terms)) -> Self {
        Self { right, terms, walk: Vec::new() }
    }
}

struct Reader<'a, 'c> {
    case: &'c Case<'a>,
    objective: Objective,
    lost: Money,
}

impl Reader<'_, '_> {
    /// What a row says, or why it does not hold.
    fn form(&self, row: &Row) -> Result<Read, String> {
        let read = match row {
            Row::Path { path, asset, .. } => return self.path(path, asset),
            Row::Enforcer { withdrawal, path, .. } => return self.enforcer(withdrawal, path),
            Row::Need { owner, gate, children, .. } => self.need(owner, *gate, children),
            Row::Stop { withdrawal, node, .. } => self.stop(withdrawal, node),
            Row::Cap { kind, .. } => self.cap(kind),
            Row::Exclusive { withdrawal, by, .. } => self.exclusive(withdrawal, by),
            Row::Lost { .. } => self.lost(),
        };
        read.map(Read::new)
    }

    fn path(&self, path: &[NodeId], asset: &NodeId) -> Result<Read, String> {
        let (mut terms, walk) = self.cuts(path)?;
        let node = self.node(asset)?;
        let found = self.case.ground.asset(node);
        let (at, found) = found.ok_or_else(|| format!("names `{asset}`, which is no asset"))?;
        if found.places().all(|place| walk.last() != Some(&place)) {
            return Err(format!("does not end at `{asset}` or a copy of it"));
        }
        terms.push((Variable::Lost(at), 1));
        Ok(Read { right: 1, terms, walk })
    }

    /// The columns that cut a path, each once, and its nodes.
    fn cuts(&self, path: &[NodeId]) -> Result<(Terms, Vec<NodeIx>), String> {
        let walk = paths::walk(self.case, path)?;
        let gates = paths::gates(self.case, &walk);
        let columns = &self.case.ground.columns;
        let mut cuts: Vec<WithdrawalIx> =
            gates.iter().flat_map(|&gate| columns.of(gate)).copied().collect();
        cuts.sort_unstable();
        cuts.dedup();
        Ok((cuts.into_iter().map(|column| (Variable::Raised(column), 1)).collect(), walk))
    }

    fn need(&self, owner: &str, gate: u32, children: &[u32]) -> Result<(i128, Terms), String> {
        let owner_of = find_owner(self.case, owner)
            .ok_or_else(|| format!("names `{owner}`, which is no service or node with needs"))?;
        let found = self.case.ground.dependence.gate(owner_of, gate);
        let found = found.ok_or_else(|| format!("names no gate of `{owner}`"))?;
        need_form(found, children).map_err(|why| format!("{why} of `{owner}`"))
    }

    fn stop(&self, withdrawal: &WithdrawalId, node: &NodeId) -> Result<(i128, Terms), String> {
        let (column, found) = self.withdrawal(withdrawal)?;
        let target = self.node(node)?;
        if !found.stops || found.removes.binary_search(&target).is_err() {
            return Err(format!("holds only if `{withdrawal}` stops `{node}`"));
        }
        let down = Variable::Down(Item::Owner(Owner::Node(target)));
        Ok((0, vec![(down, 1), (Variable::Raised(column), -1)]))
    }

    fn cap(&self, kind: &str) -> Result<(i128, Terms), String> {
        let estate = self.case.estate;
        let cap = estate.caps().iter().filter(|cap| &*cap.kind == kind).map(|cap| cap.most).min();
        let most = cap.ok_or_else(|| format!("names `{kind}`, which has no cap"))?;
        let all = estate.withdrawals().iter().zip((0..).map(WithdrawalIx));
        let of_kind = all.filter(|(withdrawal, _)| &*withdrawal.kind == kind);
        let terms =
            of_kind.map(|(_, index)| (Variable::Raised(column_of(estate, index)), -1)).collect();
        Ok((-i128::from(most), terms))
    }

    fn enforcer(&self, id: &WithdrawalId, path: &[NodeId]) -> Result<Read, String> {
        let (column, enforcer) = self.enforced(id)?;
        let (mut terms, walk) = self.cuts(path)?;
        if walk.last() != Some(&enforcer) {
            return Err(format!("does not end at the enforcer of `{id}`"));
        }
        terms.push((Variable::Raised(column), -1));
        Ok(Read { right: 0, terms, walk })
    }

    fn exclusive(&self, id: &WithdrawalId, by: &WithdrawalId) -> Result<(i128, Terms), String> {
        let (column, enforcer) = self.enforced(id)?;
        let (other, remover) = self.withdrawal(by)?;
        if !remover.stops || remover.removes.binary_search(&enforcer).is_err() {
            return Err(format!("holds only if `{by}` stops the enforcer of `{id}`"));
        }
        Ok((-1, vec![(Variable::Raised(column), -1), (Variable::Raised(other), -1)]))
    }

    /// A withdrawal's column and enforcer; a default end with its refuse's enforcer goes by the refuse.
    fn enforced(&self, id: &WithdrawalId) -> Result<(WithdrawalIx, NodeIx), String> {
        let (column, found) = self.withdrawal(id)?;
        let enforcer =
            found.enforcer.ok_or_else(|| format!("names `{id}`, which has no enforcer"))?;
        let refuse = self.case.estate.withdrawal(column);
        if found.mode == Mode::End && refuse.id != *id && refuse.enforcer == Some(enforcer) {
            return Err(format!("names `{id}` in place of `{}`", refuse.id));
        }
        Ok((column, enforcer))
    }

    fn lost(&self) -> Result<(i128, Terms), String> {
        let only_hard = match self.objective {
            Objective::Cost => false,
            Objective::Total if self.case.may_lose_hard() => true,
            Objective::Total | Objective::Loss | Objective::HardLoss => {
                return Err("stands in a stage without one before it".to_owned());
            }
        };
        let assets = self.case.estate.assets().iter().zip(0_u32..);
        let counted = assets.filter(|(asset, _)| asset.must_hold || !only_hard);
        let terms = counted.map(|(asset, at)| (Variable::Lost(at), -i128::from(asset.loss.0)));
        Ok((-i128::from(self.lost.0), terms.collect()))
    }

    fn node(&self, id: &NodeId) -> Result<NodeIx, String> {
        let found = self.case.estate.find(id.as_str());
        found.ok_or_else(|| format!("names `{id}`, which is no node"))
    }

    fn withdrawal(&self, id: &WithdrawalId) -> Result<(WithdrawalIx, &Withdrawal), String> {
        let estate = self.case.estate;
        let found = estate.find_withdrawal(id.as_str());
        let index = found.ok_or_else(|| format!("names `{id}`, which is no withdrawal"))?;
        Ok((column_of(estate, index), estate.withdrawal(index)))
    }
}

/// The right side and terms of a row of needs, or why it does not hold.
pub(super) fn need_form(gate: &Gate, children: &[u32]) -> Result<(i128, Terms), &'static str> {
    if children.windows(2).any(|pair| pair.first() >= pair.get(1)) {
        return Err("names children out of order for the gate");
    }
    let named: Option<Vec<Item>> =
        children.iter().map(|&child| gate.children.get(child as usize).copied()).collect();
    let named = named.ok_or("names a child that is not there for the gate")?;
    let spare = i128::from(gate.spare);
    let weight = named.len() as i128 - spare;
    if weight < 1 {
        return Err("names too few children to fail the gate");
    }
    let mut terms: Terms = named.into_iter().map(|child| (Variable::Down(child), -1)).collect();
    terms.push((Variable::Down(gate.item()), weight));
    Ok((-spare, merge(terms)))
}

/// The owner of a tree of needs, as a row names it.
pub(super) fn find_owner(case: &Case<'_>, owner: &str) -> Option<Owner> {
    let estate = case.estate;
    let service = owner.strip_prefix("service:").and_then(|id| estate.find_service(id));
    match service {
        Some(service) => Some(Owner::Service(service)),
        None => estate.find(owner).filter(|&node| estate.needs(node).is_some()).map(Owner::Node),
    }
}
