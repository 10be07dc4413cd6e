//! `cp.async`: what is copied from global to shared memory is there once its thread has waited for it, and
//! for the other threads once they have met it at a barrier after that.
//!
//! The hardware may bring it at any time in between. Here it comes at the last moment, so that a kernel that reads too
//! early reads what was there before; and it is told, by who touches what and not by the numbers.

use super::{Access, Spaces};
use crate::{
    access::addresses,
    count::Counts,
    finding::Kind,
    instruction::Action,
    lane::{LANES, Lane, each},
    log::{Log, Stop},
    shared::{Pending, Trouble, Use, Waited, Who},
    types::Space,
    warp::Warp,
};

impl Spaces<'_> {
    /// Starts a copy for each lane.
    pub(crate) fn copy(
        &mut self,
        warp: &Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Action::Copy { size, into, from, bytes } = &self.kernel.code[at].action else {
            return Ok(());
        };
        let targets = addresses(&warp.registers, *into);
        let sources = addresses(&warp.registers, *from);
        let wanted = match bytes {
            Some(register) => u32::get(&warp.registers, *register),
            None => [*size as u32; LANES],
        };
        let target = Access {
            instruction: at,
            space: Space::Shared,
            size: *size,
            what: Use::Write,
            warp: warp.number,
            step: warp.step,
        };
        let source = Access { space: Space::Global, what: Use::Read, ..target };
        let mut hint = usize::MAX;
        for lane in each(mask) {
            let wanted = wanted[lane] as usize;
            if wanted > *size {
                log.find(Kind::OutOfBounds, at, None, |log| {
                    let who = log.who(warp.number, lane);
                    format!("a copy of {size} bytes is to read {wanted}: {who}")
                });
                return Err(Stop);
            }
            let bits = if wanted == 0 {
                0
            } else if source.is_aligned(sources[lane]) {
                let part = Access { size: wanted, ..source };
                self.fetch(part, 1 << lane, sources[lane], &mut hint, log)?.0
            } else {
                return Err(self.misaligned(source, lane, sources[lane], log));
            };
            let address = targets[lane];
            if !target.is_aligned(address) {
                return Err(self.misaligned(target, lane, address, log));
            }
            let who = target.who(1 << lane);
            match self.shared.touch(address, *size, Use::Write, who, None) {
                Some(Trouble::Outside) => return Err(self.outside(target, lane, address, log)),
                Some(trouble) => self.shared_trouble(target, who, lane, trouble, address, log),
                None => {}
            }
            self.shared.start(Pending {
                address,
                size: *size,
                bits,
                warp: warp.number,
                lane,
                instruction: at,
                group: warp.groups[lane],
                waited: None,
            });
        }
        counts.shared(&targets, *size, mask);
        // Lanes that read as many bytes as one another go together.
        let mut left =
            each(mask).filter(|lane| wanted[*lane] > 0).fold(0u32, |left, lane| left | 1 << lane);
        while left != 0 {
            let bytes = wanted[left.trailing_zeros() as usize];
            let alike = each(left).filter(|lane| wanted[*lane] == bytes);
            let alike = alike.fold(0u32, |alike, lane| alike | 1 << lane);
            counts.global(&sources, bytes as usize, alike, false);
            left &= !alike;
        }
        Ok(())
    }

    /// Waits for the copies of these lanes: until at most the last `left` groups are under way, or for all.
    pub(crate) fn wait(&mut self, warp: &Warp, at: usize, mask: u32, left: Option<u32>) {
        let who = Who {
            warp: warp.number,
            step: warp.step,
            lanes: mask,
            instruction: at,
            together: false,
        };
        let committed = |copy: &Pending| copy.group < warp.groups[copy.lane];
        let ends = |copy: &Pending| match left {
            None => true,
            Some(left) => warp.groups[copy.lane] - copy.group > left,
        };
        let waited = |copy: &Pending| Waited {
            instruction: at,
            left: left.unwrap_or(0),
            committed: committed(copy),
        };
        self.shared.wait(who, ends, waited);
    }

    /// A byte is read or written while a copy to it may still be under way.
    #[cold]
    pub(super) fn unawaited(&self, access: Access, own: usize, byte: u64, log: &mut Log) {
        let Some(copy) = self.shared.copy_to(byte) else {
            return;
        };
        let of = match self.shared.array(byte) {
            Some((array, byte)) => log.element(&array.name, byte),
            None => format!("byte {byte}"),
        };
        let verb = if access.what == Use::Read { "read" } else { "written" };
        let (from, who) = (log.place(copy.instruction), log.who(access.warp, own));
        let by = log.who(copy.warp, copy.lane);
        let sides = format!("{who}, copied by {by}");
        let at = access.instruction;
        match copy.waited {
            None => log.find(Kind::UnawaitedCopy, at, Some(copy.instruction), |_| {
                format!("{of} is {verb} before the copy of {from} has been waited for: {sides}")
            }),
            Some(Waited { instruction, left, committed }) => {
                log.find(Kind::ShortWait, at, Some(instruction), |log| {
                    let wait = log.place(instruction);
                    let why = match (committed, left) {
                        (false, _) => "for the copy is in no group yet".into(),
                        (true, 1) => "for the last group may go on, and the copy is in it".into(),
                        (true, left) => {
                            format!("for the last {left} groups may go on, and the copy is in one of them")
                        }
                    };
                    format!("{of} is {verb}, and the wait of {wait} is not for the copy of {from}, {why}: {sides}")
                });
            }
        }
    }
}
