//! Plays prompts, 20 ms at a time.

use std::sync::Arc;

use crate::{Frame, SILENCE};

/// PCM16 at 8 kHz, shared by all calls that play it.
pub type Prompt = Arc<[i16]>;

/// A list of prompts played without a gap between them; music loops.
#[derive(Debug, Clone)]
pub struct Player {
    prompts: Vec<Prompt>,
    looped: bool,
    prompt: usize,
    offset: usize,
}

impl Player {
    pub fn new(prompts: Vec<Prompt>, looped: bool) -> Self {
        let looped = looped && prompts.iter().any(|p| !p.is_empty());
        Self { prompts, looped, prompt: 0, offset: 0 }
    }

    /// Fills the next frame, the last one padded with silence; `false` when over.
    pub fn next(&mut self, out: &mut Frame) -> bool {
        *out = SILENCE;
        let mut filled = 0;
        while filled < out.len() {
            let Some(prompt) = self.current() else { break };
            let count = (prompt.len() - self.offset).min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&prompt[self.offset..self.offset + count]);
            self.offset += count;
            filled += count;
        }
        filled > 0
    }

    /// The prompt with samples left at `offset`.
    fn current(&mut self) -> Option<Prompt> {
        loop {
            if self.prompt >= self.prompts.len() {
                if !self.looped {
                    return None;
                }
                self.prompt = 0;
            }
            let prompt = &self.prompts[self.prompt];
            if self.offset < prompt.len() {
                return Some(prompt.clone());
            }
            self.prompt += 1;
            self.offset = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(value: i16, samples: usize) -> Prompt {
        vec![value; samples].into()
    }

    #[test]
    fn prompts_follow_each_other_without_a_gap() {
        let mut player = Player::new(vec![prompt(1, 100), prompt(2, 0), prompt(3, 100)], false);
        let mut frame = SILENCE;
        assert!(player.next(&mut frame));
        assert_eq!((frame[99], frame[100], frame[159]), (1, 3, 3));
        assert!(player.next(&mut frame));
        assert_eq!((frame[39], frame[40]), (3, 0));
        assert!(!player.next(&mut frame));
    }

    #[test]
    fn music_never_ends() {
        let mut player = Player::new(vec![prompt(1, 70), prompt(2, 70)], true);
        let mut frame = SILENCE;
        assert!((0..1000).all(|_| player.next(&mut frame) && !frame.contains(&0)));
    }

    #[test]
    fn a_loop_of_nothing_ends() {
        let mut frame = SILENCE;
        assert!(!Player::new(vec![prompt(1, 0)], true).next(&mut frame));
        assert!(!Player::new(vec![], true).next(&mut frame));
    }
}
