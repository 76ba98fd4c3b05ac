//! Other kinds of jobs, and full queues.

use crate::campaign::Lab;
use crate::end_to_end;
use crate::jobs::{Jobs, Kind};
use crate::limits::UNIT;
use anyhow::ensure;
use redeemq::worker::context::BATCH_MAX;
use std::sync::Arc;

/// A supply of each.
pub struct Side {
    goods: Arc<Jobs>,
    goods_spread: Arc<Jobs>,
    codes: Arc<Jobs>,
    verify: Arc<Jobs>,
}

impl Side {
    pub fn new(lab: &Lab) -> anyhow::Result<Self> {
        Ok(Self {
            goods: lab.jobs(Kind::Goods { spread: false })?,
            goods_spread: lab.jobs(Kind::Goods { spread: true })?,
            codes: lab.jobs(Kind::Codes)?,
            verify: lab.jobs(Kind::Verify)?,
        })
    }

    pub async fn measure(&self, lab: &mut Lab, hot: &Arc<Jobs>) -> anyhow::Result<()> {
        let bound = BATCH_MAX as u16;
        let rate = lab.worker_rate(&self.goods, bound, u64::MAX).await?;
        lab.book.add("end to end, goods without a price, one row", UNIT, rate);
        let rate = lab.worker_rate(&self.goods_spread, bound, u64::MAX).await?;
        lab.book.add("end to end, goods without a price, many rows", UNIT, rate);
        let left = u64::from(lab.bench.world.codes) - self.codes.drawn();
        ensure!(
            left > 0,
            "the pool is empty: this machine needs more codes (tools/bench/src/plan.rs)"
        );
        let rate = lab.worker_rate(&self.codes, bound, left).await?;
        lab.book.add("end to end, codes of one pool", UNIT, rate);
        let granted = self.codes.drawn() - self.verify.drawn();
        let rate = lab.worker_rate(&self.verify, bound, granted).await?;
        lab.book.add("end to end, verify, one pool", UNIT, rate);

        let drained = lab.bench.plan.drained;
        let worker = async || lab.place.worker(bound);
        let rate = end_to_end::drain(&lab.rig, hot, drained, worker).await?;
        lab.book.add("sponsor, out of a full queue", UNIT, rate);
        let rate = end_to_end::drain(&lab.rig, hot, drained, async || lab.echo()).await?;
        lab.book.add("broker limit, out of a full queue", UNIT, rate);
        Ok(())
    }
}
