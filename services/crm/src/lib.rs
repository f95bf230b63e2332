//! Contacts and interactions.
