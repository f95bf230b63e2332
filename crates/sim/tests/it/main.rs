//! Days that must go well, and days with a planted fault that must not.

mod days;
mod faults;
mod forecasts;
mod promises;
