//! `deploy/kubernetes` is what Kubernetes and its operators understand, and says what is so of redeemq. No cluster
//! runs here: that it works on one is not shown.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod manifests;
mod pods;
mod rules;
mod scaler;
mod scaling;
mod schemas;
