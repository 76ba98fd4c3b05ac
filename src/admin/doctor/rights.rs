//! What our user may do at the broker: all that its process needs, and little more.

use super::finding::Examination;
use super::lines::Lines;
use super::options::Settings;
use crate::broker::Result;
use crate::broker::inspect::management::Management;
use crate::broker::inspect::probe::Right;
use uuid::Uuid;

/// What lets a user change more than queues of its vhost.
const POWERFUL_TAGS: [&str; 2] = ["administrator", "policymaker"];

/// Whether it may do what it has to.
pub(super) async fn examine(
    examined: &mut Examination,
    lines: &Lines,
    settings: &Settings,
) -> Result<()> {
    let mut missing = Vec::new();
    for (right, name) in settings.role.at_broker() {
        if lines.may(right, name).await? == Some(false) {
            missing.push(format!("{} {}", verb(right), named(name)));
        }
    }
    let (user, vhost, role) = (lines.user(), lines.vhost(), settings.role.name());
    if missing.is_empty() {
        examined.ok(format!("user {user} has the rights that `redeemq {role}` needs"));
    } else {
        let missing = missing.join(", ");
        let what = format!("user {user} may not {missing}, which `redeemq {role}` needs");
        let remedy = format!(
            "Run deploy/broker-users for vhost {vhost}, and let AMQP_URL name the user that it makes for this process"
        );
        examined.fatal(what, remedy);
    }
    Ok(())
}

/// Whether it may do much more. Names that are not ours tell, without anything being there.
pub(super) async fn examine_excess(
    examined: &mut Examination,
    lines: &Lines,
    management: Option<&Management>,
) -> Result<()> {
    let mut excess = Vec::new();
    let foreign = format!("doctor-{}", Uuid::new_v4());
    for right in [Right::Configure, Right::Write, Right::Read] {
        if lines.may(right, &foreign).await? == Some(true) {
            excess.push(format!("may {} what is not redeemq's", verb(right)));
        }
    }
    let (user, vhost) = (lines.user(), lines.vhost());
    let asked = match management {
        Some(management) => beyond(management, &user, &vhost).await.map_err(|e| e.to_string()),
        None => Err("set RABBITMQ_MANAGEMENT_URL".to_owned()),
    };
    match asked {
        Ok(mut beyond) => excess.append(&mut beyond),
        Err(why) => examined.not_checked("the user's tags, and its rights in other vhosts", why),
    }
    if excess.is_empty() {
        examined.ok(format!("user {user} has few rights beside those"));
    } else {
        let excess = excess.join(", ");
        let what = format!("user {user} can do much more than it needs: it {excess}");
        let remedy = "Run deploy/broker-users, and let AMQP_URL name the user that it makes for this process: who gets hold of the URL gets hold of all this";
        examined.warning(what, remedy);
    }
    Ok(())
}

async fn beyond(management: &Management, user: &str, vhost: &str) -> Result<Vec<String>> {
    let mut tags = management.tags(user).await?;
    tags.retain(|tag| POWERFUL_TAGS.contains(&tag.as_str()));
    let mut vhosts = management.vhosts(user).await?;
    vhosts.retain(|other| other != vhost);
    let of_tags = tags.iter().map(|tag| format!("is {tag}"));
    let of_vhosts = match vhosts.len() {
        0 => None,
        others => Some(format!("has rights in {others} other vhosts")),
    };
    Ok(of_tags.chain(of_vhosts).collect())
}

fn verb(right: Right) -> &'static str {
    match right {
        Right::Configure => "configure",
        Right::Write => "write to",
        Right::Read => "read",
    }
}

fn named(name: &str) -> &str {
    if name.is_empty() { "amq.default" } else { name }
}
