//! Columns: what is decided as one. A default refuse and end of one node are
//! one column, named by the refuse; every other withdrawal is one by itself.

use cordon_model::{Estate, Mode, NodeIx, WithdrawalIx};

use crate::links::Lists;

/// Which columns remove which node.
#[derive(Debug)]
pub(crate) struct Columns(Lists<WithdrawalIx>);

impl Columns {
    pub(crate) fn new(estate: &Estate) -> Self {
        Self(Lists::gather(estate, || {
            let all = estate.withdrawals().iter().zip((0..).map(WithdrawalIx));
            // Both halves of a column remove the same nodes.
            let columns = all.filter(|&(_, index)| column_of(estate, index) == index);
            columns.flat_map(|(withdrawal, index)| {
                withdrawal.removes.iter().map(move |&node| (node, index))
            })
        }))
    }

    /// The columns that remove a node, in order.
    pub(crate) fn of(&self, node: NodeIx) -> &[WithdrawalIx] {
        self.0.of(node)
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
