//! What somebody is shown of what goes on: a part of the company, or who waits
//! in the queues that one serves.

use super::{
    documents,
    live::{Live, LiveCall},
    sight::{Agent, Queue, Sight},
};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::Result,
};
use std::collections::BTreeSet;
use types::config::{Kind, Loan};

/// Which view is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Floor,
    Line,
}

/// What a view shows. Who has the same one shares a feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// The calls, agents and queues in one's sight.
    Floor(Sight),
    /// Who waits in these queues, and nothing else.
    Line(BTreeSet<String>),
}

impl Wanted {
    pub fn permission(self) -> Permission {
        match self {
            Wanted::Floor => Permission::LiveRead,
            Wanted::Line => Permission::Desk,
        }
    }

    pub async fn of(self, app: &App, caller: &Caller) -> Result<View> {
        match self {
            Wanted::Floor => Sight::of(app, caller).await.map(View::Floor),
            Wanted::Line => served(app, caller).await.map(View::Line),
        }
    }
}

impl View {
    /// Leaves what it shows.
    pub fn cut(&self, live: &mut Live) {
        match self {
            View::Floor(sight) => {
                live.calls.retain(|call| sight.call(call.agent.as_deref(), call.queue.as_deref()));
                live.agents.retain(|agent| sight.shows(&agent.agent));
                live.queues.retain(|queue| sight.queue(&queue.queue));
            }
            View::Line(queues) => {
                let ours = |call: &LiveCall| call.queue.as_ref().is_some_and(|queue| queues.contains(queue));
                live.calls.retain(|call| call.waits() && ours(call));
                live.agents.clear();
                live.queues.retain(|queue| queues.contains(&queue.queue));
            }
        }
    }
}

/// The queues that the caller serves, or for a time the one of a loan.
async fn served(app: &App, caller: &Caller) -> Result<BTreeSet<String>> {
    let own = caller.identity.agent.as_str();
    let now = chassis::clock::now();
    let loans = documents::all::<Loan>(app, caller, Kind::Loan).await?.into_values();
    let mut lent = loans.filter(|loan| loan.agent.as_str() == own && loan.until() > now);
    if let Some(loan) = lent.next() {
        return Ok([loan.queue.to_string()].into());
    }
    let agents = documents::all::<Agent>(app, caller, Kind::Agent).await?;
    let Some(agent) = agents.get(own) else { return Ok(BTreeSet::new()) };
    let queues = documents::all::<Queue>(app, caller, Kind::Queue).await?;
    Ok(queues.into_iter().filter(|(_, queue)| queue.takes(own, &agent.skills)).map(|(id, _)| id).collect())
}
