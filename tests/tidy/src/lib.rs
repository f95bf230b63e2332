//! The repository's own checks: the style as tests (`tests/tidy.rs`), and the
//! page that tells which points are proved (`points`).

pub mod points;
