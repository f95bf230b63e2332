//! The IVR flow language and its interpreter.
