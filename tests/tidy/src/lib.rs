//! The style as a test.
