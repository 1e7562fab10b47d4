//! Columns: what is decided as one. A default refuse and end of one node are
//! one column, named by the refuse; every other withdrawal is one by itself.

use cordon_model::{Estate, Mode, NodeIx, WithdrawalIx};

/// Which columns remove which node.
#[derive(Debug)]
pub(crate) struct Columns {
    by_node: Vec<(NodeIx, WithdrawalIx)>,
}

impl Columns {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut by_node: Vec<(NodeIx, WithdrawalIx)> = Vec::new();
        for (withdrawal, index) in estate.withdrawals().iter().zip((0..).map(WithdrawalIx)) {
            let column = column_of(estate, index);
            by_node.extend(withdrawal.removes.iter().map(|&node| (node, column)));
        }
        by_node.sort_unstable();
        by_node.dedup();
        Self { by_node }
    }

    /// The columns that remove a node, in order.
    pub(crate) fn of(&self, node: NodeIx) -> impl Iterator<Item = WithdrawalIx> + '_ {
        let from = self.by_node.partition_point(|&(other, _)| other < node);
        let rest = self.by_node.get(from..).unwrap_or_default();
        rest.iter().take_while(move |&&(other, _)| other == node).map(|&(_, column)| column)
    }
}

/// The column of a withdrawal.
pub(crate) fn column_of(estate: &Estate, withdrawal: WithdrawalIx) -> WithdrawalIx {
    let found = estate.withdrawal(withdrawal);
    match (found.mode, found.partner) {
        (Mode::End, Some(refuse)) => refuse,
        (Mode::End | Mode::Refuse, _) => withdrawal,
    }
}
