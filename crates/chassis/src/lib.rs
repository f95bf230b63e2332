//! The process shell: configuration, telemetry, health, drain, gRPC.
