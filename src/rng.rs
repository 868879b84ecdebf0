//! Philox4x32-10: stateless random numbers.
