//! What a run says when it is asked to stop, and what is heard of a limit.

/// Ends the process at SIGINT, SIGTERM or SIGHUP, with a line that says what is kept, and exit code 128 and the
/// signal's number, as a shell would tell it. What is being written then is a temporary file, which the next run
/// sweeps: points are whole or not there.
///
/// On other systems than Unix the system ends the process without a word, and the same is kept.
pub fn say_at_end(said: impl Fn() -> String + Send + 'static) {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::iterator::Signals;

        let name = |signal| match signal {
            SIGINT => "interrupted",
            SIGHUP => "the terminal was closed",
            _ => "asked to end (SIGTERM)",
        };
        // Without a handler the signals do what they always do.
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                super::terminal::note(&format!("trapline: {}: {}", name(signal), said()));
                // At once: HDF5's own farewell would wait for the thread that is writing.
                signal_hook::low_level::exit(128 + signal);
            }
        });
    }
    #[cfg(not(unix))]
    drop(said);
}

/// Where a file may not grow further (`ulimit -f`), the system ends a process without a word, unless the process
/// takes the signal: then the write fails, and is told as any other that does. Programs that are started from here
/// have the system's way again.
pub fn survive_size_limits() {
    #[cfg(unix)]
    {
        let heard = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        // Without a handler the signal does what it always did.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, heard);
    }
}
