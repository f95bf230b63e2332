//! Callers who are called back, among callers who wait.

use sim::{Hall, hall};

/// Whoever began to wait first is served first, with a leg or without; the
/// agent is there when the customer answers; nobody is forgotten.
#[test]
fn the_order_of_service_is_the_order_of_enqueueing_for_those_who_are_called_back_too() {
    let mut total = (0, 0, 0);
    for seed in 0..300 {
        let day = Hall { callers: 60, agents: 1 + seed as usize % 5, span: 900_000, asks: 50, answers: 70 };
        let served = hall(seed, &day).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        assert_eq!(served.stayed + served.called_back + served.left_to_people, day.callers, "seed {seed}");
        assert!(served.gaps.iter().all(|gap| *gap <= 2_000), "seed {seed}: {:?}", served.gaps);
        let (stayed, back, people) = total;
        total = (stayed + served.stayed, back + served.called_back, people + served.left_to_people);
    }
    assert!(total.0 > 1_000 && total.1 > 1_000 && total.2 > 100, "{total:?}");
}
