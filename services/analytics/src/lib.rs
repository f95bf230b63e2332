//! Folds the log into figures.
