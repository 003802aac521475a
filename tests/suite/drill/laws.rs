//! Laws over random histories: a drill leaves nothing behind that probes did not bring.
