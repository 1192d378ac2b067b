//! Merge modes change while orders come in, and no plan goes against them.

use hotrow::domain::{MergeMode, Sku};
use hotrow::engine::{MergeCount, Plan};

use super::{Event, Stage, World};
use crate::hits::Hit;
use crate::plant::Plant;
use crate::rule::{Rule, Violation};
use crate::setting::some_modes;

/// Within this time every engine has read a change.
const LEARN_MS: u64 = 300;

impl World {
    /// A DBA changes the table. Each engine learns it when it reads the table next.
    pub(super) fn change_modes(&mut self) {
        let skus: Vec<Sku> = self.setting.opening.keys().cloned().collect();
        self.modes = some_modes(&mut self.rng, &skus);
        self.say(|world| format!("a DBA changes the merge modes: {:?}", world.modes));
        for incarnation in self.engines.clone().into_iter().flatten() {
            self.soon(LEARN_MS, Event::LearnModes { incarnation });
        }
    }

    pub(super) fn learn_modes(&mut self, incarnation: usize) {
        let modes = self.modes.clone();
        let engine = &mut self.incarnations[incarnation];
        let Some(combiner) = &mut engine.combiner else { return };
        if engine.modes == modes {
            return;
        }
        let in_the_air = engine.flights.values().any(|flight| {
            flight.stage != Stage::Over && flight.plan.operations.len() > 1 && {
                let mut skus = flight.plan.totals().into_iter().map(|total| total.sku);
                skus.any(|sku| !modes.of(&sku).merges())
            }
        });
        if self.plant != Some(Plant::ModesNotTold) {
            combiner.set_merge_modes(modes.clone());
        }
        engine.modes = modes;
        self.say(|_| format!("life {incarnation} learns the merge modes"));
        self.hits.count(Hit::MergeModeChanged);
        if in_the_air {
            self.hits.count(Hit::UnmergedUnderFlush);
        }
        self.nudge(incarnation);
    }

    /// The mode that this plan goes by now.
    fn merge_mode(&self, incarnation: usize, plan: &Plan) -> MergeMode {
        let modes = &self.incarnations[incarnation].modes;
        let modes = plan.totals().into_iter().map(|total| modes.of(&total.sku));
        modes.max().unwrap_or_default()
    }

    /// A plan that is made now. One that is executed again stays what it was.
    pub(super) fn check_merge_mode(
        &mut self,
        incarnation: usize,
        plan: &Plan,
    ) -> Result<(), Violation> {
        if plan.resolving {
            self.count_merged_before(incarnation, plan, Hit::ResolvedMergedAfterUnmerged);
            return Ok(());
        }
        let mode = self.merge_mode(incarnation, plan);
        if mode.merges() {
            return Ok(());
        }
        let operations = plan.operations.len();
        if operations > 1 {
            let detail = format!("a plan in mode {} has {operations} operations", mode.name());
            return Err(Violation::new(Rule::MergeMode, detail));
        }
        self.incarnations[incarnation].alone += 1;
        self.hits.count(Hit::AloneByMode);
        if plan.skus > 1 {
            self.hits.count(Hit::SeveralLanesAloneByMode);
        }
        Ok(())
    }

    pub(super) fn count_merged_before(&mut self, incarnation: usize, plan: &Plan, hit: Hit) {
        if plan.operations.len() > 1 && !self.merge_mode(incarnation, plan).merges() {
            self.hits.count(hit);
        }
    }

    pub(super) fn check_merge_count(&mut self, incarnation: usize) -> Result<(), Violation> {
        let engine = &self.incarnations[incarnation];
        let Some(combiner) = &engine.combiner else { return Ok(()) };
        let MergeCount { off, dry_run, would_be_flushes } = combiner.merge_total();
        let most = self.setting.policy.flush_orders_max as u64;
        let fits = would_be_flushes <= dry_run && dry_run <= would_be_flushes * most;
        if off + dry_run != engine.alone || !fits {
            let detail = format!(
                "{} flushes were alone, and {off} off, {dry_run} dry-run, {would_be_flushes} would-be are counted",
                engine.alone
            );
            return Err(Violation::new(Rule::MergeMode, detail));
        }
        if would_be_flushes < dry_run {
            self.hits.count(Hit::DryRunWouldHaveMerged);
        }
        Ok(())
    }
}
