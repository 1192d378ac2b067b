//! Each entry of the log on its own: that somebody sent it, and that it was right when it was written.

use std::collections::BTreeMap;

use hotrow::domain::{Goal, Kind, Operation, Sku, Step, Timestamp, Verdict};
use hotrow::engine::FlushId;

use super::Oracle;
use super::law::{Moment, Ruling};
use super::way::Steps;
use crate::ledger::{Written, lines_of};
use crate::rule::{Rule, Violation};
use crate::world::{Call, incarnation_of};

impl Oracle<'_> {
    /// The movements of a version are those with its SKU and flush: a flush changes a SKU once.
    pub(super) fn check_versions(&self) -> Result<(), Violation> {
        let mut commits: BTreeMap<(FlushId, &Sku), u64> = BTreeMap::new();
        for (place, entry) in self.world.store.log.iter().enumerate() {
            let Some(written) = entry.written() else { continue };
            for (sku, _) in &written.lines {
                let commit = written.commit;
                let first = *commits.entry((written.flush, sku)).or_insert(commit);
                if first != commit {
                    let detail = format!("entry {place}, {entry:?}: commit {first} had its name");
                    return Err(Violation::new(Rule::Version, detail));
                }
            }
        }
        Ok(())
    }

    /// The ledger holds what callers sent, whole, nothing that they were told is not there, and nothing
    /// that should have been refused.
    pub(super) fn check_entries(&self) -> Result<(), Violation> {
        for (place, entry) in self.world.store.log.iter().enumerate() {
            let Some(written) = entry.written() else { continue };
            if !self.callers(place).any(|call| call.called_at <= place) {
                let detail = format!("entry {place}, {entry:?}, is not what anyone sent");
                return Err(Violation::new(Rule::Content, detail));
            }
            if !self.callers(place).any(|call| self.may_have_written(call, place)) {
                let answers: Vec<_> = self.callers(place).map(|call| call.answer.clone()).collect();
                let detail = format!("entry {place}, {entry:?}, is nobody's: {answers:?}");
                return Err(Violation::new(Rule::ExecutedUnasked, detail));
            }
            let hold = written.expires_at.map(|end| end.micros() - written.at.micros());
            let held_so = |call: &Call| hold_micros(&call.operation) == hold;
            if !self.callers(place).any(|call| held_so(call) && self.may_have_written(call, place))
            {
                let detail = format!("entry {place}, {entry:?}: nobody holds for so long");
                return Err(Violation::new(Rule::ExpiresAt, detail));
            }
            if !self.was_right(place, written) && !self.ends_right(place, written) {
                let terms =
                    written.lines.iter().map(|(sku, _)| (sku, &self.history.states[place][sku]));
                let rows: Vec<_> = terms.collect();
                let detail = format!("entry {place}, {entry:?}, was wrong, with {rows:?}");
                return Err(Violation::new(Rule::Unfit, detail));
            }
        }
        Ok(())
    }

    /// True when the entry at `place` is the first half of this one: an expiry that is taken back.
    fn expires_into(&self, place: usize, retake: &Written) -> bool {
        self.world.store.log[place].written().is_some_and(|expiry| {
            expiry.commit == retake.commit
                && expiry.key.id == retake.key.id
                && expiry.kind == Kind::Expire
        })
    }

    /// True when this is the second half of what was right as a whole.
    fn ends_right(&self, place: usize, written: &Written) -> bool {
        let Some(before) = place.checked_sub(1).filter(|_| written.key.step == Step::Retake) else {
            return false;
        };
        let expiry = self.world.store.log[before].written();
        self.expires_into(before, written)
            && expiry.is_some_and(|expiry| self.was_right(before, expiry))
    }

    fn was_right(&self, place: usize, written: &Written) -> bool {
        let entry = &self.world.store.log[place];
        let (from, to) = (entry.begun_at, entry.committed_at);
        let mut writers = self.callers(place).filter(|call| self.may_have_written(call, place));
        writers.any(|call| {
            self.moments_of(place, from, to).any(|moment| {
                let moment = Moment { strict: true, ..moment };
                match self.ruling(&call.operation, moment) {
                    Ruling::Write(steps) => self.has_rows(place, written, steps),
                    Ruling::Repeat { .. } | Ruling::Refuse(_) => false,
                }
            })
        })
    }

    /// True when the log goes on from here with these steps, and no others, of one order.
    fn has_rows(&self, place: usize, first: &Written, steps: Steps) -> bool {
        let log = &self.world.store.log;
        let rows = (place..).map_while(|place| log.get(place)?.written()).take(steps.len());
        let mine = |(row, (step, kind)): (&Written, &(Step, Kind))| {
            row.commit == first.commit
                && row.key.id == first.key.id
                && (row.key.step, row.kind) == (*step, *kind)
                && row.lines == first.lines
        };
        place + steps.len() <= log.len() && rows.zip(steps).all(mine)
    }

    /// All calls that want an entry such as the one at `place`.
    pub(super) fn callers(&self, place: usize) -> impl Iterator<Item = &Call> {
        let log = &self.world.store.log;
        let written = log[place].written().expect("the caller saw what is written");
        let taken_again = log
            .get(place + 1)
            .and_then(|next| next.written())
            .is_some_and(|next| next.key.step == Step::Retake && self.expires_into(place, next));
        let calls = self.calls_of(&written.key.id);
        calls.filter(move |call| {
            wants(&call.operation, written, taken_again)
                && lines_of(&call.operation) == written.lines
        })
    }

    /// Whether this call can be the one that wrote the entry at `place`, by what it was told.
    pub(super) fn may_have_written(&self, call: &Call, place: usize) -> bool {
        let Some(written) = self.world.store.log[place].written() else { return false };
        let Some(answer) = &call.answer else { return false };
        if call.called_at > place || incarnation_of(written.flush) != call.incarnation {
            return false;
        }
        match &answer.verdict {
            // The engine crashed or could not find out; the commit may even come later.
            None | Some(Verdict::Unknown) => true,
            Some(Verdict::Done { replayed, .. }) => !replayed,
            Some(Verdict::Refused(_) | Verdict::NotExecuted(_)) => false,
        }
    }
}

fn hold_micros(operation: &Operation) -> Option<i64> {
    let Operation::Take(order) = operation else { return None };
    let begin = Timestamp::default();
    order.hold().map(|hold| begin.after(hold).micros())
}

fn wants(operation: &Operation, written: &Written, taken_again: bool) -> bool {
    let goal = match operation {
        Operation::Take(order) => {
            return written.key.step == Step::Take
                && order.buyer() == written.buyer.as_ref()
                && order.hold().is_some() == (written.kind == Kind::Hold);
        }
        Operation::Adjust(adjustment) => {
            return written.key.step == Step::Adjust
                && (adjustment.delta.units() > 0) == (written.kind == Kind::Restock);
        }
        Operation::Settle(settlement) => settlement.goal(),
    };
    match (written.key.step, written.kind) {
        // The two may be of one operation, or of two of the same flush.
        (Step::Settle, Kind::Expire) => {
            goal == Goal::Expire || taken_again && goal == Goal::Confirm
        }
        (Step::Settle, Kind::Confirm) | (Step::Retake, _) => goal == Goal::Confirm,
        (Step::Settle, Kind::Release | Kind::Cancel) | (Step::Return, _) => goal == Goal::Cancel,
        (Step::Take | Step::Adjust | Step::Settle, _) => false,
    }
}
