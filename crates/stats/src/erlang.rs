//! What queueing theory says of one queue with equal agents: the yardstick for
//! the simulator. Times in any unit, the same throughout.

/// Share of callers who must wait for one of `agents` when `load` = arrivals ×
/// handle time keeps that many busy, and everybody waits for ever (Erlang's
/// second formula). `None`: the queue would grow without end.
pub fn delayed(agents: u32, load: f64) -> Option<f64> {
    let busy = load / f64::from(agents);
    // Erlang's first formula: B(0) = 1, B(n) = load B(n-1) / (n + load B(n-1)).
    let blocked = (1..=agents).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
    (busy < 1.0).then(|| blocked / (1.0 - busy * (1.0 - blocked)))
}

/// Average wait of all callers who wait for ever (Erlang C).
pub fn wait(agents: u32, arrivals: f64, handle: f64) -> Option<f64> {
    let load = arrivals * handle;
    Some(delayed(agents, load)? * handle / (f64::from(agents) - load))
}

/// Callers whose patience ends by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impatient {
    /// Average wait of all callers, those who gave up included.
    pub wait: f64,
    /// Share that gave up.
    pub abandoned: f64,
}

/// The same with exponential patience of this mean (Palm's Erlang A): the
/// stationary birth and death chain of callers in the system.
pub fn impatient(agents: u32, arrivals: f64, handle: f64, patience: f64) -> Impatient {
    const NEGLIGIBLE: f64 = 1e-15;
    const LARGE: f64 = 1e100;
    let (mut weight, mut whole, mut queue) = (1.0, 1.0, 0.0);
    for n in 1_u32.. {
        let waiting = f64::from(n.saturating_sub(agents));
        weight *= arrivals / (f64::from(n.min(agents)) / handle + waiting / patience);
        whole += weight;
        queue += waiting * weight;
        if whole > LARGE {
            (weight, whole, queue) = (weight / LARGE, whole / LARGE, queue / LARGE);
        }
        if n > agents && weight < NEGLIGIBLE * whole {
            break;
        }
    }
    let waiting = queue / whole;
    // Little's law; those who wait give up at the rate 1 / patience each.
    Impatient { wait: waiting / arrivals, abandoned: waiting / patience / arrivals }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-4 * b.abs().max(1e-6), "{a} is not {b}");
    }

    #[test]
    fn one_agent_is_the_textbook_queue() {
        // M/M/1: wait = handle × busy / (1 − busy).
        close(delayed(1, 0.5).unwrap(), 0.5);
        close(wait(1, 0.5, 1.0).unwrap(), 1.0);
        assert_eq!(delayed(1, 1.0), None);
    }

    #[test]
    fn two_agents_by_hand() {
        // C(2, a) = a² / (2 + a) × 1 / (… ) = 1/3 at a = 1.
        close(delayed(2, 1.0).unwrap(), 1.0 / 3.0);
        close(wait(2, 1.0, 1.0).unwrap(), 1.0 / 3.0);
    }

    #[test]
    fn endless_patience_is_erlang_c_and_none_is_erlang_b() {
        let (agents, arrivals, handle) = (10, 8.0 / 180.0, 180.0);
        close(impatient(agents, arrivals, handle, 1e9).wait, wait(agents, arrivals, handle).unwrap());
        // Who gives up at once is lost like a call that finds all lines busy.
        let blocked = (1..=agents).fold(1.0, |b, n| 8.0 * b / (f64::from(n) + 8.0 * b));
        close(impatient(agents, arrivals, handle, 1e-6).abandoned, blocked);
    }

    #[test]
    fn an_overloaded_queue_loses_what_the_agents_cannot_serve() {
        let lost = impatient(100, 2.0, 100.0, 60.0).abandoned;
        assert!((0.5..0.501).contains(&lost), "{lost}");
    }
}
