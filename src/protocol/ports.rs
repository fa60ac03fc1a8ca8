//! To come: names of registered ports.
