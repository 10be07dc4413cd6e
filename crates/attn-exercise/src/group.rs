//! A process together with all that it starts.

use process_wrap::std::CommandWrap;

/// Makes a command's process lead a group of its own: to kill it is then to kill all that it has started.
pub fn lead_a_group(command: &mut CommandWrap) {
    #[cfg(unix)]
    command.wrap(process_wrap::std::ProcessGroup::leader());
    #[cfg(windows)]
    command.wrap(process_wrap::std::JobObject);
}
