//! The call: an event-sourced aggregate of legs and bridges that knows no SIP.
