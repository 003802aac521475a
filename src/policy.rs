//! Who is answered: standings and policies become a choice. Pure.

pub mod choice;
