//! Accounts that were imported, and of which not everything was collected.

use emulator::{Collected, Known, World};
use serde_json::json;

use crate::stage::drs::{ONE, Stage, approved};

/// Everything that a plan needs to know.
const LISTS: [&str; 4] = [
    "DescribeSourceServers",
    "DescribeRecoveryInstances",
    "DescribeJobs",
    "DescribeRecoverySnapshots",
];

/// An account with one approved server, of which all but one list was collected.
fn without(unknown: &str) -> World {
    let lists = LISTS.into_iter().filter(|list| *list != unknown);
    let lists = lists.map(|list| (list.to_owned(), Collected::default()));
    let known = Known::from([("us-east-1".to_owned(), lists.collect())]);

    World {
        known: Some(known),
        ..World::with([approved(ONE)])
    }
}

#[tokio::test]
async fn nothing_is_disconnected_where_a_list_that_decides_was_not_collected() {
    for list in [
        "DescribeSourceServers",
        "DescribeJobs",
        "DescribeRecoveryInstances",
    ] {
        let stage = Stage::with(without(list)).await;
        let answer = stage.disconnect().await;

        // Not as if no job ran, and no instance were there: as unreadable, by the call's name.
        assert_eq!(
            answer.conclusion(),
            "permanent access_denied -> Permanent",
            "{list}"
        );
        let summary = answer.body["targets"][0]["message"].as_str().unwrap();
        assert!(summary.contains(list), "{summary}");
        assert!(summary.contains("NotCollectedException"), "{summary}");
        assert_eq!(stage.local.changes(), [""; 0], "{list}");
        let complaints = stage.local.finish().unwrap_err();
        assert!(complaints[0].contains(&format!("{list} in us-east-1 was not collected")));
    }
}

#[tokio::test]
async fn recovery_points_that_were_not_counted_are_not_reported_as_none() {
    let points = |world| async {
        let answer = Stage::with(world).await.disconnect().await;
        assert_eq!(answer.conclusion(), "done disconnected");
        answer.body["targets"][0]["evidence"]["recoveryPoints"].clone()
    };

    assert_eq!(points(without("nothing")).await, 37);
    assert_eq!(
        points(without("DescribeRecoverySnapshots")).await,
        json!(null)
    );
}

#[tokio::test]
async fn what_no_answer_says_of_a_server_is_not_made_up_in_the_report() {
    let mut world = without("nothing");
    world.server(ONE).unwrap().disk_bytes = 0;

    let answer = Stage::with(world).await.disconnect().await;
    let evidence = &answer.body["targets"][0]["evidence"];
    assert_eq!(evidence["replicatedBytes"], json!(null), "{evidence}");
    assert_eq!(evidence["replicationHours"], json!(null), "{evidence}");
    assert_eq!(evidence["recoveryPoints"], 37);
}
