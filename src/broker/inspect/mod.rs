//! Looking at a broker without changing it.

pub(crate) mod depths;
pub(crate) mod management;
pub(crate) mod probe;
