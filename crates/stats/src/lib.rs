//! One metric language: service level, ASA, AHT, abandonment, occupancy.
