//! Printing. Where nobody can be told anything any more, the command ends: it has nothing left to do,
//! and must not end as if all were well.

use std::{
    fmt::Arguments,
    io::{self, Write},
    process::exit,
};

/// `println!`, in colours where they are wanted, that does not panic on a full disk or a closed pipe.
macro_rules! println {
    () => {
        $crate::output::line(format_args!(""))
    };
    ($($what:tt)*) => {
        $crate::output::line(format_args!($($what)*))
    };
}
pub(crate) use println;

/// A line on standard output. Ends the program with exit status 2 where it cannot be written.
pub fn line(what: Arguments) {
    let mut out = anstream::stdout().lock();
    if let Err(error) = writeln!(out, "{what}").and_then(|()| out.flush()) {
        // Who closed the pipe, as `head` does, knows.
        if error.kind() != io::ErrorKind::BrokenPipe {
            complain(format_args!("error: standard output cannot be written: {error}"));
        }
        exit(2);
    }
}

/// A line on standard error, if it can be written.
pub fn complain(what: Arguments) {
    let _ = writeln!(anstream::stderr(), "{what}");
}
